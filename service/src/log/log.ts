// One line of JSON a fact. Secrets are cut out twice: by the name of their field, and by their value in any text.
import { type DestinationStream, type Logger, pino } from 'pino'
import type { Scrub } from './scrub.ts'

const NAMES = [
  'authorization',
  'cookie',
  'password',
  'passphrase',
  'privateKey',
  'secret',
  'token',
  'keystore',
  'rpcUrl',
  'rpcUrls',
]
const pathsOf = (names: readonly string[]) =>
  names.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.*.*.${name}`])

export type LogOptions = {
  /** Of the process, in every line. */
  name: string
  level: string
  scrub: Scrub
  /** Of fields that are secret here, besides those that are everywhere. */
  names?: readonly string[]
  /** Fields of every line; what a line says itself goes before. */
  mixin?: () => object
  /** Standard output when left out. */
  destination?: DestinationStream
}

export const makeLog = ({ name, level, scrub, names = [], mixin, destination }: LogOptions): Logger =>
  pino(
    {
      name,
      level,
      redact: { paths: pathsOf([...NAMES, ...names]), censor: '[redacted]' },
      hooks: { streamWrite: scrub },
      ...(mixin === undefined ? {} : { mixin }),
      // Amounts are bigint everywhere.
      formatters: { log: textAmounts },
    },
    destination ?? pino.destination({ dest: 1, sync: true }),
  )

const textAmounts = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.values(fields).some((value) => typeof value === 'bigint')
    ? Object.fromEntries(
        Object.entries(fields).map(([key, value]) => [
          key,
          typeof value === 'bigint' ? String(value) : value,
        ]),
      )
    : fields
