// What a tenant types, judged before anything is read or sent: each in one sentence that says what to give instead.
import { readFile } from 'node:fs/promises'
import { DecloudError, type Deployment, deploymentSchema, parseUsdc, sentenceOf } from '@decloud/protocol'
import { type Hex, isHex, stringToHex } from 'viem'

class UsageError extends DecloudError {}
export const usage = (message: string) => new UsageError('usage', message, { hint: 'See --help.' })

/** What a person has to set right before the same command can work; 1 is for everything else. */
const PERSON: ReadonlySet<string> = new Set([
  ...['usage', 'file-unreadable', 'key-malformed', 'keystore-missing', 'keystore-malformed'],
  ...['keystore-password-wrong', 'chain-id-wrong', 'contract-missing', 'rpc-disagree'],
])
export const exitCodeOf = (error: unknown): number =>
  error instanceof DecloudError && PERSON.has(error.code) ? 2 : 1

/** bigint as decimal text: JSON numbers would lose units. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part))

export const failureOf = (error: unknown) => ({
  error:
    error instanceof DecloudError
      ? { code: error.code, message: error.message, hint: error.hint, details: error.details }
      : { code: 'unexpected', message: sentenceOf(error), hint: '', details: {} },
})

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Whoever breaks a command off is told first what he leaves behind: money may be in it. */
export const whenBrokenOff = (say: (line: string) => void) => {
  let left = ''
  const tell = (signal: NodeJS.Signals) => {
    say(`Broken off. ${left}`)
    // No longer caught: it ends the process as it would have.
    process.kill(process.pid, signal)
  }
  for (const signal of SIGNALS) process.once(signal, tell)
  return {
    leaves: (what: string) => {
      left = what
    },
    [Symbol.dispose]: () => {
      for (const signal of SIGNALS) process.removeListener(signal, tell)
    },
  }
}

export const whole = (name: string, text: string | undefined, least: number): number => {
  const value = /^\d{1,9}$/.test(text ?? '') ? Number(text) : Number.NaN
  if (!(value >= least)) throw usage(`--${name} takes a whole number, at least ${least}.`)
  return value
}

/** @returns µUSDC. */
export const amount = (name: string, text: string): bigint => {
  try {
    return parseUsdc(text)
  } catch {
    // Thrown for nothing but its form.
    throw usage(`--${name} takes USDC, digits with at most six decimals, for example 2.5.`)
  }
}

export const oneOf = (name: string, names: readonly string[], text: string): number => {
  const index = names.findIndex((known) => known.toLowerCase() === text.toLowerCase())
  if (index === -1) throw usage(`--${name} is one of ${names.join(', ')}.`)
  return index
}

export const regionOf = (name: string): Hex => {
  if (name.length > 8 || !/^[\x21-\x7e]+$/.test(name)) throw usage('--region takes up to eight characters.')
  return stringToHex(name, { size: 8 })
}

export const leaseIdOption = (text: string | undefined): Hex => {
  if (text === undefined || !isHex(text) || text.length !== 66) {
    throw usage('Give the lease id: 0x and 64 hex digits.')
  }
  return text.toLowerCase() as Hex
}

export const readText = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((cause: unknown) => {
    throw new DecloudError('file-unreadable', `${path} cannot be read.`, {
      hint: 'Check the path and that this user may read it.',
      cause,
    })
  })

/** @throws UsageError that names the file and never what is in it: it may be the wrong file, with a key in it. */
export const deploymentIn = async (path: string): Promise<Deployment> => {
  let raw: unknown
  try {
    raw = JSON.parse(await readText(path))
  } catch (error) {
    if (error instanceof SyntaxError) throw usage(`${path} is not a deployment file: it is not JSON.`)
    throw error
  }
  const { success, data, error } = deploymentSchema.safeParse(raw)
  if (success) return data
  const wrong = new Set(
    error.issues.map(({ path: [key] }) => (key === undefined ? 'what else is in it' : String(key))),
  )
  throw usage(`${path} is not a deployment file: see to ${[...wrong].join(', ')}.`)
}

export const rpcUrlsIn = (text: string): readonly string[] => {
  const urls = text.split(',').flatMap((url) => url.trim() || [])
  if (urls.length === 0) throw usage('Give a JSON-RPC URL with --rpc.')
  // Not repeated: a provider's key may be in it.
  if (urls.some((url) => !/^https?:$/.test(URL.parse(url)?.protocol ?? ''))) {
    throw usage('--rpc takes http or https URLs, separated by commas.')
  }
  return urls
}
