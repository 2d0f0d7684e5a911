// The flags of a command of this repository: what it knows, or a sentence and its usage.
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'

const HELP_FLAG = { help: { type: 'boolean', short: 'h' } } as const

/**
 * Reads what this process was given. Does not return for `--help`, which prints `help` and ends with 0, nor for a flag that
 * is none of `options`, which ends with 2.
 * @param allowPositionals whether words that are no flags may be given, too.
 */
export const readFlags = <const options extends ParseArgsOptionsConfig>(
  help: string,
  options: options,
  allowPositionals = false,
) => {
  /** Ends the process with 2, after `why` and the usage. */
  const refuse = (why: string): never => {
    console.error(`${why}\n\n${help}`)
    process.exit(2)
  }
  const read = () => {
    try {
      return parseArgs({ options: { ...options, ...HELP_FLAG }, allowPositionals })
    } catch (error) {
      // Node's own words; what it says after the first sentence is about commands that take more than flags.
      return refuse((error as Error).message.replace(/\. .*$/s, '.'))
    }
  }
  const { values, positionals } = read()
  if ((values as { help?: boolean }).help === true) {
    console.log(help)
    process.exit(0)
  }
  /** The value of `--name` as a whole number; ends the process with 2 where it is none from `least` to `most`. */
  const whole = (name: keyof options & string, least: number, most = Number.MAX_SAFE_INTEGER): number => {
    const given = (values as Record<string, unknown>)[name]
    const value = Number(given)
    if (typeof given === 'string' && Number.isSafeInteger(value) && value >= least && value <= most)
      return value
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`
    return refuse(`--${name} takes a whole number ${range}, not "${given}".`)
  }
  return { values, positionals: positionals as readonly string[], whole, refuse }
}
