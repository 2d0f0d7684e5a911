// The reconciler's view of the chain and its two transactions, over the follower and the intent journal.
import { type Chain, ChainError, type Follower, type Journal, RevertError } from '@decloud/chain'
import { LEASE_STATUSES, leaseEscrowAbi, MIN_PRIORITY_FEE } from '@decloud/protocol'
import { encodeFunctionData, type Hex } from 'viem'
import type { ChainSnapshot, Funds, LeaseChain } from '../reconcile/ports.ts'
import type { LeaseFeed } from './lease-feed.ts'

/** Twice what `activate` was measured to take, so that a check of funds errs towards asking for more. */
const ACTIVATION_GAS = 150_000n

export type LeaseChainOptions = {
  chain: Chain
  follower: Follower
  journal: Journal
  feed: LeaseFeed
  node: number
  nowMs: () => number
}

export const makeLeaseChain = (options: LeaseChainOptions): LeaseChain & { close(): void } => {
  const { chain, follower, journal, feed, node, nowMs } = options
  const escrow = chain.deployment.leaseEscrow
  const isFresh = () => follower.health().state === 'live'
  const listeners = new Set<(leaseIds: readonly Hex[] | null) => void>()
  const finalHeightNow = () => follower.finalizedThrough()?.height ?? null
  let wasFresh = false
  const stop = follower.onChange((change) => {
    const touched = feed.apply(change, finalHeightNow())
    const fresh = isFresh()
    // A feed that is current again lets go of what was held back for any lease.
    for (const listener of [...listeners]) listener(fresh === wasFresh ? touched : null)
    wasFresh = fresh
  })

  // Blocks carry the chain's time; between them this machine's clock only counts the seconds.
  let seen: { hash: Hex; timestamp: bigint; atMs: number } | null = null
  const chainNow = (): number | null => {
    const { head } = follower.health()
    if (head !== null && head.hash !== seen?.hash) {
      seen = { hash: head.hash, timestamp: head.timestamp, atMs: nowMs() }
    }
    return seen === null ? null : Number(seen.timestamp) + Math.floor((nowMs() - seen.atMs) / 1000)
  }

  const snapshot = (): ChainSnapshot => ({
    fresh: isFresh(),
    chainNow: chainNow(),
    leases: feed.sights(finalHeightNow()),
  })

  const finalHeight = (): bigint => {
    const block = follower.finalizedThrough()
    if (block !== null) return block.height
    throw new ChainError('finality-unknown', 'No finalized block can be relied on at the moment.', {
      retryable: true,
    })
  }

  const leaseOf = (leaseId: Hex, blockNumber?: bigint) =>
    chain.request('read the lease', (client) =>
      client.readContract({
        address: escrow,
        abi: leaseEscrowAbi,
        functionName: 'leaseOf',
        args: [leaseId],
        ...(blockNumber === undefined ? {} : { blockNumber }),
      }),
    )
  const statusOf = async (leaseId: Hex, blockNumber?: bigint) =>
    LEASE_STATUSES[(await leaseOf(leaseId, blockNumber)).status] ?? 'None'

  const runsOutAt = (leaseId: Hex, blockNumber?: bigint) =>
    chain.request('read the runway', (client) =>
      client.readContract({
        address: escrow,
        abi: leaseEscrowAbi,
        functionName: 'runsOutAt',
        args: [leaseId],
        ...(blockNumber === undefined ? {} : { blockNumber }),
      }),
    )

  // Refused because it is done already (by an earlier process, or by somebody else)? Only storage can tell.
  const send = async (kind: 'activate' | 'expire', leaseId: Hex, data: Hex, done: readonly string[]) => {
    try {
      await journal.send({ kind, dedupe: `${kind}:${leaseId}`, to: escrow, data })
    } catch (error) {
      if (error instanceof RevertError && done.includes(await statusOf(leaseId))) return
      throw error
    }
  }

  return {
    node,
    snapshot,
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    tenantOf: async (leaseId) => (await leaseOf(leaseId)).tenant,
    confirmEnded: async (leaseId) => (await statusOf(leaseId, finalHeight())) === 'Ended',
    confirmDepleted: async (leaseId) => {
      const now = chainNow()
      const moments = await Promise.all([runsOutAt(leaseId, finalHeight()), runsOutAt(leaseId)])
      return now !== null && moments.every((moment) => moment > 0n && moment <= BigInt(now))
    },
    activate: (leaseId, hostKeyFingerprint) =>
      send(
        'activate',
        leaseId,
        encodeFunctionData({
          abi: leaseEscrowAbi,
          functionName: 'activate',
          args: [leaseId, hostKeyFingerprint],
        }),
        ['Active'],
      ),
    expire: (leaseId) =>
      send(
        'expire',
        leaseId,
        encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'expire', args: [leaseId] }),
        ['Active', 'Ended'],
      ),
    funds: () => readFunds(chain, journal),
    close: stop,
  }
}

const readFunds = (chain: Chain, journal: Journal): Promise<Funds> =>
  chain.request('read the funds of the agent', async (client) => {
    const [balance, block, tip] = await Promise.all([
      client.getBalance({ address: journal.address }),
      client.getBlock(),
      client.estimateMaxPriorityFeePerGas(),
    ])
    const least = MIN_PRIORITY_FEE[chain.deployment.chainId] ?? 0n
    const fee = (block.baseFeePerGas ?? 0n) * 2n + (tip > least ? tip : least)
    return { agent: journal.address, balance, needed: ACTIVATION_GAS * fee }
  })
