import { z } from 'zod'

/** RFC 9457. `code` is for programs, `title` and `detail` for people. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string().optional(),
  /** Of a request that does not fit its schema: where, and what is wrong there. */
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
})
export type ApiProblem = z.output<typeof problemSchema>
