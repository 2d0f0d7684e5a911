import type { Situation } from './situation.ts'
import type { Step } from './steps.ts'
import type { VmRecord } from './vm.ts'

export const isOff = ({ domain }: Situation): boolean =>
  domain === null || domain.state === 'stopped' || domain.state === 'crashed'

/** Asks first; cuts the power once the deadline of the status has passed. Nothing when the guest is off. */
export const stopGuest = (s: Situation, vm: VmRecord, because: 'ended' | 'depleted'): readonly Step[] => {
  if (isOff(s)) return []
  const late = vm.deadlineMs === null || s.nowMs >= vm.deadlineMs
  return [{ kind: late ? 'Destroy' : 'Shutdown', because }]
}
