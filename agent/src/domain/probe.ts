// What a probe proves, and for how long. Pure.
import type { ProbeFacts } from '@decloud/protocol/wire/facts'

const PROBE_FRESH_SECONDS = 7 * 86_400
/** A probe of the future was taken by a clock that has been set back since. */
const CLOCK_SECONDS = 300

export type Refusal = { readonly code: string; readonly message: string; readonly hint: string }

const AGAIN = 'Run `decloud-node probe`, then register.'

/**
 * Whether a node may register on the strength of its newest probe.
 * @param simulated whether a probe without a guest will do: on a development chain, where money is play money.
 * @returns null when it may.
 */
export const whyNotProven = (probe: ProbeFacts | null, now: number, simulated: boolean): Refusal | null => {
  if (probe === null) {
    return { code: 'probe-missing', message: 'No guest has been booted on this machine yet.', hint: AGAIN }
  }
  const age = now - probe.takenAt
  if (age > PROBE_FRESH_SECONDS || age < -CLOCK_SECONDS) {
    const when = age < 0 ? 'by a clock that was ahead of this one' : `${Math.floor(age / 86_400)} days ago`
    return { code: 'probe-stale', message: `The last probe of this machine was taken ${when}.`, hint: AGAIN }
  }
  if (probe.outcome === 'failed') {
    return {
      code: 'probe-failed',
      message: `The last probe guest did not boot: ${probe.message}`,
      hint: AGAIN,
    }
  }
  if (probe.outcome === 'simulated' && !simulated) {
    return {
      code: 'probe-simulated',
      message: 'The last probe had no guest: its hypervisor was simulated.',
      hint: 'Install and start libvirtd, run `decloud-node probe`, then register.',
    }
  }
  return null
}

/** @returns why guests are not run under KVM although the machine shows it; null when nothing speaks against it. */
export const whyNotKvm = (probe: ProbeFacts | null): string | null =>
  probe?.kvm === 'never-boots'
    ? 'TCG, as a probe guest under KVM did not boot on this machine. DECLOUD_ACCELERATION=kvm insists on KVM.'
    : null
