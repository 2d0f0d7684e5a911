import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { sentenceOf } from '@decloud/protocol'
import { UsageError } from './command.ts'

/** `parseArgs` whose complaints are ours. Positionals are refused. */
export const parseOptions = <const options extends ParseArgsOptionsConfig>(
  args: string[],
  options: options,
) => {
  try {
    return parseArgs({ args, options, allowPositionals: false }).values
  } catch (cause) {
    throw new UsageError(sentenceOf(cause))
  }
}

export const wholeNumber = (name: string, text: string, least: number, most: number): number => {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`--${name} takes a whole number from ${least} to ${most}, not "${text}".`)
}
