// systemd's notification protocol through its own library. Node has no datagram sockets in the file system, and the
// systemd-notify command would be a process every few seconds that the unit would have to believe.
import { DecloudError } from '@decloud/protocol'

export type ServiceManager = {
  ready(status: string): void
  /** How it is, in one line, for whoever asks the service manager. */
  status(status: string): void
  stopping(status: string): void
  /** Still alive: must come at least every `watchdogMs`. */
  alive(): void
  /** How long systemd waits for `alive` before it kills us; `null`: it does not. */
  watchdogMs: number | null
}

type Notify = (unset: number, state: string) => number

const loadLibrary = async (): Promise<Notify> => {
  try {
    const { default: koffi } = await import('koffi')
    return koffi.load('libsystemd.so.0').func('int sd_notify(int unset_environment, const char *state)')
  } catch (cause) {
    throw new DecloudError(
      'notify-missing',
      'libsystemd.so.0 cannot be loaded, but systemd waits for news.',
      {
        hint: 'Install libsystemd0, or run the unit with Type=exec and without WatchdogSec.',
        cause,
      },
    )
  }
}

type Options = {
  env: Readonly<Record<string, string | undefined>>
  pid: number
  onError(error: unknown): void
  load?: () => Promise<Notify>
}

/**
 * @returns `null` when no service manager asked for news.
 * @throws DecloudError `notify-missing`.
 */
export const makeServiceManager = async (options: Options): Promise<ServiceManager | null> => {
  const { env, pid, onError, load = loadLibrary } = options
  if (!env['NOTIFY_SOCKET']) return null
  const notify = await load()
  const tell = (state: string) => {
    const sent = notify(0, state)
    if (sent >= 0) return
    onError(
      new DecloudError('notify-failed', `systemd did not take a notification (errno ${-sent}).`, {
        details: { errno: -sent },
      }),
    )
  }
  return {
    ready: (status) => tell(`READY=1\n${statusLine(status)}`),
    status: (status) => tell(statusLine(status)),
    stopping: (status) => tell(`STOPPING=1\n${statusLine(status)}`),
    alive: () => tell('WATCHDOG=1'),
    watchdogMs: watchdogOf(env, pid),
  }
}

/** A line break would begin another assignment. */
const statusLine = (status: string) => `STATUS=${status.replace(/\s+/g, ' ')}`

const watchdogOf = (env: Options['env'], pid: number): number | null => {
  const micros = Number(env['WATCHDOG_USEC'] ?? '')
  const meant = env['WATCHDOG_PID']
  if (!Number.isFinite(micros) || micros <= 0) return null
  return meant === undefined || Number(meant) === pid ? micros / 1_000 : null
}
