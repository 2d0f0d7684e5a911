// Gathers what the parts know of themselves into the two answers that people and machines ask for.

import type { Follower, Journal } from '@decloud/chain'
import type { Deployment } from '@decloud/protocol'
import type { KeeperHealth, KeeperLiveness } from '@decloud/protocol/wire/health'
import { lagOf } from '@decloud/service/metrics'
import { assess, type Limits, liveness } from '../domain/health.ts'
import type { Watchdog } from '../lib/watchdog.ts'
import type { Vitals } from '../ports/vitals.ts'

export type Health = { report(): KeeperHealth; life(): KeeperLiveness }

export type HealthDeps = {
  version: string
  deployment: Deployment
  follower: Pick<Follower, 'health'>
  journal: Pick<Journal, 'inFlight'> | null
  vitals: Pick<Vitals, 'signs'>
  watchdog: Pick<Watchdog, 'overdue'>
  lastAudit(): { at: number; outcome: string; differences: number } | undefined
  draining: AbortSignal
  limits: Limits
  uptimeSeconds(): number
}

export const makeHealth = (deps: HealthDeps): Health => {
  const { deployment, follower, journal, vitals, watchdog } = deps
  const report = (): KeeperHealth => {
    const { state, head, cursor, finalized, silentMs, lastError, disagreement } = follower.health()
    const lagBlocks = lagOf(head?.height, cursor?.height)
    const { gas, diskFreeBytes, unwritable } = vitals.signs()
    const audit = deps.lastAudit()
    const verdict = assess(
      {
        feed: { state, lagBlocks, silentMs, lastError: lastError?.sentence ?? null, disagreement },
        draining: deps.draining.aborted,
        unwritable,
        gas,
        diskFreeBytes,
        auditDifferences: audit?.outcome === 'different' ? audit.differences : null,
        stuck: watchdog.overdue(),
      },
      deps.limits,
    )
    return {
      ...verdict,
      version: deps.version,
      chainId: deployment.chainId,
      leaseEscrow: deployment.leaseEscrow,
      head: head?.height ?? null,
      indexed: cursor?.height ?? null,
      finalized,
      lagBlocks,
      silentMs,
      lastError: lastError === null ? null : { code: lastError.code, sentence: lastError.sentence },
      disagreement,
      inFlight: journal?.inFlight().length ?? 0,
      gasBalance: typeof gas === 'bigint' ? gas : null,
      diskFreeBytes,
      lastAudit:
        audit === undefined ? null : { at: audit.at, outcome: audit.outcome, differences: audit.differences },
    }
  }
  return {
    report,
    life: () =>
      liveness({
        uptimeSeconds: deps.uptimeSeconds(),
        eventLoopLagMs: vitals.signs().eventLoopLagMs,
        stuck: watchdog.overdue(),
      }),
  }
}
