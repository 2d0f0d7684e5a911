// Kinds of values that several sections have.
import { parseUsdc } from '@decloud/protocol'
import { z } from 'zod'

/** An amount of USDC as text → µUSDC. */
export const usdc = z.string().transform((text, context) => {
  try {
    return parseUsdc(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'must be an amount of USDC, for example 0.05' })
    return z.NEVER
  }
})

export const seconds = z.coerce.number().positive().max(86_400)
