import { setTimeout as sleep } from 'node:timers/promises'
import { DecloudError } from '@decloud/protocol'

/** Waits for a condition that has no event of its own. @throws DecloudError `deadline` saying what did not happen. */
export const until = async (
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number,
  failure: string,
  pollMs = 100,
): Promise<void> => {
  const deadline = Date.now() + deadlineMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new DecloudError('deadline', `After ${deadlineMs / 1000} s ${failure}.`)
    await sleep(pollMs)
  }
}
