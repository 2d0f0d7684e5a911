// Kinds of values that several sections have.
import { parseUsdc } from '@decloud/protocol'
import { parseEther } from 'viem'
import { z } from 'zod'

/** An amount of USDC as text → µUSDC. */
export const usdc = z
  .string()
  .transform((text, context) => {
    try {
      return parseUsdc(text)
    } catch {
      context.addIssue({ code: 'custom', message: 'must be an amount of USDC, for example 0.05' })
      return z.NEVER
    }
  })
  .meta({ wants: 'an amount of USDC as text' })

export const seconds = z.coerce.number().positive().max(86_400)

const COINS = /^\d{1,9}(\.\d{1,18})?$/
/** An amount of the gas coin as text → wei. */
export const coins = z
  .string()
  .regex(COINS, 'must be an amount of the gas coin, for example 0.5')
  .transform((text) => parseEther(text))
  .meta({ wants: 'an amount of the gas coin' })
