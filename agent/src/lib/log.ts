import { type Logger, pino } from 'pino'

export type { Logger }

/**
 * One JSON line per event, on stderr unless a file is given. Anything named like a secret is blanked, wherever it
 * appears.
 */
export const makeLogger = (level: string, file?: string): Logger =>
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
    pino.destination({ dest: file ?? 2, mkdir: true, sync: true }),
  )
