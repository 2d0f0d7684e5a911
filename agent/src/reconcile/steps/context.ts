import type { LeaseView } from '@decloud/protocol'
import type { Step, StepKind } from '../../domain/steps.ts'
import type { VmRecord } from '../../domain/vm.ts'
import type { Deps } from '../ports.ts'

export type StepContext = {
  readonly deps: Deps
  /** The newest view, or the finalized one where that is all there is. */
  readonly lease: LeaseView
  /** As persisted; null before admission. */
  readonly vm: VmRecord | null
  readonly signal: AbortSignal
}

/** `waitMs`: look again after so long, or earlier on an event. */
export type Outcome = undefined | { readonly waitMs: number }

type Executor<kind extends StepKind> = (
  context: StepContext,
  step: Extract<Step, { kind: kind }>,
) => Promise<Outcome>

export type Executors<kinds extends StepKind> = { readonly [kind in kinds]: Executor<kind> }
