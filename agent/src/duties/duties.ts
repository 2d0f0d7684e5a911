// The duties, each in a loop of its own, so that a transaction that is slow to be mined keeps no other from its work.
// Level-triggered: every round starts from the chain as it is, and does nothing while that cannot be seen.
import { sentenceOf } from '@decloud/protocol'
import type { GasPrice } from '@decloud/protocol/gas'
import { pause } from '../lib/pause.ts'
import { makeClaims } from './claim.ts'
import { makeCredits } from './credit.ts'
import type { DutyDeps } from './deps.ts'
import { DUTIES, type Duty } from './ports.ts'
import { makeReclaims } from './reclaim.ts'
import type { DutiesReport, Held } from './status.ts'
import { makeUpkeep } from './upkeep.ts'

/** Gas that must be affordable before anything is begun; for a claim, the activation that follows it too. */
const LEAST_GAS = { claim: 800_000n, other: 400_000n }
const EVERY_MS: Readonly<Record<Duty, number>> = {
  claim: 2_000,
  upkeep: 30_000,
  credit: 10_000,
  reclaim: 10_000,
}

export type Duties = { status(): DutiesReport; close(): Promise<void> }

/** @param everyMs the same pace for all; each has its own by default. */
export const startDuties = (
  given: Omit<DutyDeps, 'signal'>,
  options: { everyMs?: number | undefined } = {},
): Duties => {
  const abort = new AbortController()
  const deps: DutyDeps = { ...given, signal: abort.signal }
  const { chain, settings, status, log } = deps
  const work: Readonly<Record<Duty, (price: GasPrice) => Promise<Held | null>>> = {
    claim: makeClaims(deps),
    upkeep: makeUpkeep(deps),
    credit: makeCredits(deps),
    reclaim: makeReclaims(deps),
  }

  const round = async (duty: Duty): Promise<Held | null> => {
    if (duty === 'claim' && !settings.claims) return 'off'
    const view = chain.view()
    if (view === null) return 'feed'
    // Nothing to do needs no question to the chain.
    if (duty === 'claim' && view.requests.length === 0) return null
    if (duty === 'upkeep' && view.leases.length === 0) return null
    const { funds, price } = await chain.money(settings.coinUsdc)
    const least = duty === 'claim' ? LEAST_GAS.claim : LEAST_GAS.other
    if (funds < least * price.weiPerGas) return 'gas-funds'
    return work[duty](price)
  }

  const loop = async (duty: Duty) => {
    while (!abort.signal.aborted) {
      try {
        const held = await round(duty)
        const isNews = status.round(duty, held === null ? {} : { held })
        if (isNews && held !== null && held !== 'off') log.warn({ duty, held }, SAID[held])
      } catch (error) {
        if (abort.signal.aborted) return
        if (status.round(duty, { error }))
          log.warn({ duty, detail: sentenceOf(error) }, 'a duty failed; it is tried again')
      }
      await pause(options.everyMs ?? EVERY_MS[duty], abort.signal)
    }
  }

  const loops = DUTIES.map(loop)
  return {
    status: () => status.read(),
    /** Transactions on their way stay with the journal. */
    close: async () => {
      abort.abort()
      await Promise.all(loops)
    },
  }
}

const SAID: Readonly<Record<Exclude<Held, 'off'>, string>> = {
  feed: 'the view of the chain is not current: nothing is sent',
  'gas-funds': 'the agent has not enough of the gas coin: nothing is sent until it is given some',
  'not-operator':
    "this agent may not credit or reclaim: `decloud-node entrust`, signed by the node's payee, lets it",
}
