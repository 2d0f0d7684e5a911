// What holds a guest to its tiers, put before whatever else is planned for it.
import type { Situation } from './situation.ts'
import { BOOKKEEPING, DESTRUCTIVE, type Step } from './steps.ts'

/** Whether limits were set, and read back, since the guest was last started; false again whenever that is in doubt. */
export type Tended = { readonly shaped: boolean; readonly tuned: boolean }

export const withLimits = (s: Situation, steps: readonly Step[]): readonly Step[] => {
  if (s.tended === undefined || s.target.kind !== 'run' || s.domain?.state !== 'running') return steps
  if (s.vm === null || s.vm.refused) return steps
  const [first] = steps
  // A change of status comes at once; a guest that is taken down needs no limits.
  if (first !== undefined && (BOOKKEEPING.has(first.kind) || DESTRUCTIVE.has(first.kind))) return steps
  const again = s.vm.status === 'Running' && first?.kind === 'CheckReady'
  const { shaped, tuned } = s.tended
  return [
    ...(shaped && !again ? [] : [{ kind: 'Shape' } as const]),
    ...((tuned && !again) || isBooting(s) ? [] : [{ kind: 'Tune' } as const]),
    ...steps,
  ]
}

/** Full speed until it is Ready; a guest that never says so, or was restarted by hand, is held to its tier all the same. */
const isBooting = ({ vm }: Situation): boolean => vm?.status === 'Provisioning' && vm.facts === null
