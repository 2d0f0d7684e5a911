import type { Step, StepKind } from '../../domain/steps.ts'
import { access } from './access.ts'
import { adopt } from './adopt.ts'
import type { Executors, Outcome, StepContext } from './context.ts'
import { limits } from './limits.ts'
import { onChain } from './on-chain.ts'
import { provision } from './provision.ts'
import { records } from './records.ts'
import { services } from './services.ts'
import { teardown } from './teardown.ts'

const executors: Executors<StepKind> = {
  ...records,
  ...provision,
  ...adopt,
  ...access,
  ...limits,
  ...services,
  ...onChain,
  ...teardown,
}

/** Deadlines of single steps, above those that the drivers keep themselves. */
const DEADLINE_MS: Readonly<Partial<Record<StepKind, number>>> = {
  EnsureImage: 10 * 60_000,
  CreateDisk: 2 * 60_000,
  RestoreDisk: 60_000,
  AdoptDisk: 3 * 60_000,
  Define: 10 * 60_000,
  Redefine: 10 * 60_000,
  Start: 2 * 60_000,
  CheckServices: 60_000,
  UpdateAccess: 60_000,
  Activate: 3 * 60_000,
  Expire: 3 * 60_000,
}

export const deadlineOf = (kind: StepKind): number => DEADLINE_MS[kind] ?? 30_000

export const execute = (context: StepContext, step: Step): Promise<Outcome> =>
  // One executor per kind, keyed by it: the step given is of the kind looked up, which the compiler cannot follow.
  (executors[step.kind] as (context: StepContext, step: Step) => Promise<Outcome>)(context, step)
