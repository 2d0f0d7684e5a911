// Does the chores that the ledger shows: settle in batches, expire, end. Level-triggered: each round starts from the
// ledger alone, so a crash at any point costs at most a transaction that changes nothing.
import type { Follower, Intent, Journal } from '@decloud/chain'
import { DecloudError, leaseEscrowAbi, sentenceOf } from '@decloud/protocol'
import { type Address, encodeFunctionData, keccak256 } from 'viem'
import { type Chore, choresAt, type UpkeepLimits } from '../domain/upkeep.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'

export type UpkeepDeps = {
  follower: Pick<Follower, 'health' | 'synced'>
  journal: Pick<Journal, 'send' | 'inFlight'>
  ledger: Ledger
  escrow: Address
  limits: UpkeepLimits
  log: Log
  signal: AbortSignal
}

export type Round = { done: number; failed: number; skipped: boolean }

const dataOf = (chore: Chore) =>
  chore.kind === 'settle'
    ? encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'settle', args: [[...chore.leaseIds]] })
    : encodeFunctionData({ abi: leaseEscrowAbi, functionName: chore.kind, args: [chore.leaseId] })

const intentOf = (chore: Chore, escrow: Address): Intent => {
  const data = dataOf(chore)
  return { kind: chore.kind, dedupe: `${chore.kind} ${keccak256(data)}`, to: escrow, data }
}

export const makeUpkeep = ({ follower, journal, ledger, escrow, limits, log, signal }: UpkeepDeps) => {
  /**
   * One round. Skipped while the feed is not live or a transaction of an earlier round is on its way: the ledger does
   * not show its effect yet.
   */
  const round = async (): Promise<Round> => {
    const { state, cursor } = follower.health()
    const underway = journal.inFlight().some((intent) => intent.state === 'pending')
    if (state !== 'live' || cursor === null || underway) return { done: 0, failed: 0, skipped: true }
    const result = { done: 0, failed: 0, skipped: false }
    for (const chore of choresAt(ledger.openLeases(), Number(cursor.timestamp), limits)) {
      if (signal.aborted) break
      try {
        const { hash, blockNumber } = await journal.send(intentOf(chore, escrow))
        const leases = chore.kind === 'settle' ? chore.leaseIds.length : 1
        log.info({ kind: chore.kind, leases, hash, blockNumber: String(blockNumber) }, 'done')
        await follower.synced({ height: blockNumber })
        result.done += 1
      } catch (error) {
        result.failed += 1
        report(error, chore)
        // Without gas or without an RPC every further chore would fail the same way.
        if (!(error instanceof DecloudError) || !error.code.endsWith('-reverted')) break
      }
    }
    return result
  }

  const report = (error: unknown, chore: Chore) => {
    if (signal.aborted) return
    const code = error instanceof DecloudError ? error.code : 'unknown'
    // A chore that somebody else did first is no trouble.
    log[code === 'simulation-reverted' ? 'info' : 'warn']({ kind: chore.kind, code }, sentenceOf(error))
  }

  return { round }
}
