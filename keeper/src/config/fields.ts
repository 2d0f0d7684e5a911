// Kinds of values that several sections hold. Text, as files and environments have them, → what the code counts with.
import { parseUsdc } from '@decloud/protocol'
import { parseEther } from 'viem'
import { z } from 'zod'

const amount = (parse: (text: string) => bigint, message: string) =>
  z.string().transform((text, context) => {
    try {
      return parse(text)
    } catch {
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    }
  })

/** Decimal USDC → µUSDC. */
export const usdc = amount(parseUsdc, 'must be an amount of USDC, for example 0.05')

const COINS = /^\d{1,9}(\.\d{1,18})?$/
/** Decimal gas coins → wei. */
export const coins = amount((text) => {
  if (!COINS.test(text)) throw new TypeError(text)
  return parseEther(text)
}, 'must be an amount of the gas coin, for example 0.5')

/** `true` or `false`, in a file also without quotes. */
export const flag = z.union([z.boolean(), z.stringbool()], { error: 'must be true or false' })

export const seconds = z.coerce.number().positive().max(86_400)
