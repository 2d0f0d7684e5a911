import { setTimeout as delay } from 'node:timers/promises'
import { DecloudError } from '@decloud/protocol'
import { runningKeeper } from '../adapters/running.ts'
import { holderOf } from '../adapters/store/lock.ts'
import { EXIT, type Verb } from './verb.ts'

const POLL_MS = 100
// Beyond its own deadlines for requests and for rounds, what closing takes.
const MARGIN_MS = 15_000

export const drainVerb: Verb = {
  about:
    'Under a service manager stop the unit instead: it would start a keeper anew that it did not stop itself.',
  run: async ({ load, say }) => {
    const { config } = load()
    const { pid } = runningKeeper(config)
    const { noticeSeconds, deadlineSeconds } = config.drain
    const end = Date.now() + (noticeSeconds + 2 * deadlineSeconds) * 1_000 + MARGIN_MS
    process.kill(pid, 'SIGTERM')
    while (holderOf(config.dataDir)?.pid === pid) {
      if (Date.now() > end) {
        throw new DecloudError('drain-late', `The keeper (process ${pid}) did not stop in time.`, {
          hint: 'A second signal ends it at once; nothing is lost by that.',
          details: { pid },
        })
      }
      await delay(POLL_MS)
    }
    say(`The keeper (process ${pid}) has stopped.`, { stopped: true, pid })
    return EXIT.done
  },
}
