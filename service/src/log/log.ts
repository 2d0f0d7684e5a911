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
const PATHS = NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

export type LogOptions = {
  /** Of the process, in every line. */
  name: string
  level: string
  scrub: Scrub
  /** Standard output when left out. */
  destination?: DestinationStream
}

export const makeLog = ({ name, level, scrub, destination }: LogOptions): Logger =>
  pino(
    {
      name,
      level,
      redact: { paths: PATHS, censor: '[redacted]' },
      hooks: { streamWrite: scrub },
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
