import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import { z } from 'zod'
import { run } from './run.ts'
import { BUILD } from './tools.ts'
import type { Finding } from './triage.ts'

const SLITHER_SECONDS = 240

const elementSchema = z.object({
  type: z.string(),
  name: z.string(),
  type_specific_fields: z
    .object({
      parent: z
        .object({ type: z.string(), name: z.string(), type_specific_fields: z.unknown().optional() })
        .optional(),
    })
    .optional(),
})
const reportSchema = z.object({
  success: z.boolean(),
  error: z.string().nullable(),
  results: z.object({
    detectors: z
      .array(z.object({ check: z.string(), description: z.string(), elements: z.array(elementSchema) }))
      .default([]),
  }),
})
type Element = z.infer<typeof elementSchema>

/** `Contract.function`; of a local variable, the function that it is in. */
const placeOf = (element: Element): string => {
  const parent = elementSchema.safeParse(element.type_specific_fields?.parent)
  if (!parent.success) return element.name
  return parent.data.type === 'function' ? placeOf(parent.data) : `${parent.data.name}.${element.name}`
}

/** All of Slither's detectors over the contracts; dependencies and mocks are not ours to deploy. */
export const slither = async (
  root: string,
  venv: string,
  compiled: string,
  signal: AbortSignal,
): Promise<Finding[]> => {
  const report = join(root, BUILD, 'slither', 'report.json')
  const args = [
    root,
    '--compile-force-framework',
    'hardhat',
    '--hardhat-ignore-compile',
    '--hardhat-artifacts-directory',
    relative(root, compiled),
    '--npx-disable',
    '--exclude-dependencies',
    '--filter-paths',
    'node_modules|contracts/src/mocks',
    '--json',
    report,
  ]
  const ran = await run(join(venv, 'bin', 'slither'), args, {
    seconds: SLITHER_SECONDS,
    signal,
    cwd: join(root, BUILD),
    env: { PATH: `${join(venv, 'bin')}:${process.env['PATH']}` },
  })
  const text = await readFile(report, 'utf8').catch(() => '')
  if (text === '') {
    const why = ran.timedOut ? `not within ${SLITHER_SECONDS} s` : ran.stderr.slice(-600)
    throw new DecloudError('static/slither', `Slither wrote no report: ${why}`)
  }
  const { success, error, results } = reportSchema.parse(JSON.parse(text))
  if (!success) throw new DecloudError('static/slither', `Slither failed: ${error}`)
  return results.detectors.map(({ check, description, elements }) => ({
    tool: 'slither',
    check,
    at: elements[0] === undefined ? 'everything' : placeOf(elements[0]),
    text: description.split('\n')[0]!.trim(),
  }))
}
