import { type Logger, pino } from 'pino'

export type { Logger }

/** One JSON line per event on stderr. Anything named like a secret is blanked, wherever it appears. */
export const makeLogger = (level: string): Logger =>
  pino(
    {
      level,
      redact: {
        paths: ['privateKey', 'password', 'passwordHash', 'sealingKeys', 'manifest', 'userData'].flatMap(
          (name) => [name, `*.${name}`, `*.*.${name}`],
        ),
        censor: '[secret]',
      },
    },
    pino.destination({ fd: 2, sync: true }),
  )
