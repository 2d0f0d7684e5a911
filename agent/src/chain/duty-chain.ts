// The duties' view of the chain, over the follower, the lease feed and the intent journal.
import { type Chain, type Follower, type Journal, marketFees } from '@decloud/chain'
import {
  type Deployment,
  leaseEscrowAbi,
  leaseMandatesAbi,
  nodeRegistryAbi,
  type PolicyParameters,
  pricePolicyAbi,
} from '@decloud/protocol'
import { type ContractFunctionReturnType, encodeFunctionData, type Hex, stringToHex } from 'viem'
import type { DutyChain, DutyEncoder, Sent } from '../duties/ports.ts'
import { withDeadline } from '../lib/deadline.ts'
import type { ChainSnapshot } from '../reconcile/ports.ts'
import type { RequestFeed } from './request-feed.ts'

const MINED_WITHIN_MS = 120_000
const SEEN_WITHIN_MS = 30_000

export type DutyChainOptions = {
  chain: Chain
  follower: Pick<Follower, 'health' | 'synced' | 'onChange'>
  journal: Pick<Journal, 'address' | 'send' | 'find' | 'inFlight'>
  requests: RequestFeed
  snapshot(): ChainSnapshot
  node: number
}

export const makeDutyChain = (options: DutyChainOptions): DutyChain & { close(): void } => {
  const { chain, follower, journal, requests, node } = options
  const { leaseEscrow, nodeRegistry, pricePolicy } = chain.deployment
  const escrow = { address: leaseEscrow, abi: leaseEscrowAbi } as const
  const close = follower.onChange((change) => requests.apply(change))

  /** The block of it may be one that the feed has not come to yet. */
  const isUnseen = ({ blockNumber }: { blockNumber: bigint | null }) => {
    const { cursor } = follower.health()
    return blockNumber !== null && (cursor === null || cursor.height < blockNumber)
  }

  const sent = (dedupe: string): Sent => {
    const intent = journal.find(dedupe)
    switch (intent?.state) {
      case undefined:
        return 'never'
      case 'pending':
      case 'refused':
        // A refusal in a block that is not final may still be an acceptance in another.
        return 'underway'
      case 'mined':
      case 'final':
        return isUnseen(intent) ? 'underway' : 'done'
      case 'reverted':
      case 'abandoned':
        return 'refused'
      case 'lost':
        return 'unsure'
    }
  }

  return {
    node,
    agent: journal.address,
    close,
    encode: makeEncoder(chain.deployment, node),
    sent,
    view: () => {
      const { fresh, chainNow, leases } = options.snapshot()
      if (!fresh || chainNow === null) return null
      const own = [...leases.values()].flatMap(({ latest }) => (latest?.node === node ? [latest] : []))
      return { chainNow, leases: own, requests: requests.waiting(chainNow) }
    },
    operator: () =>
      chain.request('read who operates this node', (client) =>
        client.readContract({ ...escrow, functionName: 'operatorOf', args: [node] }),
      ),
    offer: () =>
      chain.request('read what this node offers', async (client) => {
        const [offer, inUse, policy] = await Promise.all([
          client.readContract({
            ...{ address: nodeRegistry, abi: nodeRegistryAbi, functionName: 'offer', args: [node] },
          }),
          client.readContract({ ...escrow, functionName: 'inUse', args: [node] }),
          client.readContract({ address: pricePolicy, abi: pricePolicyAbi, functionName: 'parameters' }),
        ])
        return { offer: { ...offer, inUse }, policy: toPolicy(policy) }
      }),
    money: async (coinUsdc) => {
      const [fees, funds] = await Promise.all([
        marketFees(chain),
        chain.request('read the gas balance', (client) => client.getBalance({ address: journal.address })),
      ])
      // The maximum leaves room for a base fee twice as high; what is paid is the base fee of the block.
      const { maxFeePerGas, maxPriorityFeePerGas } = fees
      const weiPerGas = (maxFeePerGas - maxPriorityFeePerGas) / 2n + maxPriorityFeePerGas
      return { funds, price: { weiPerGas, coinUsdc } }
    },
    balances: (accounts) =>
      chain.request('read the balances of tenants', async (client) => {
        const balances = await Promise.all(
          accounts.map((account) =>
            client.readContract({ ...escrow, functionName: 'balanceOf', args: [account] }),
          ),
        )
        return new Map(accounts.map((account, i) => [account, balances[i] ?? 0n]))
      }),
    isUnderway: (kind) =>
      journal
        .inFlight()
        .some((intent) => intent.kind === kind && (intent.state === 'pending' || isUnseen(intent))),
    // An agent that stops does not wait for a block: the journal takes it up again at the next start.
    send: ({ kind, dedupe, to, data, maxGas }, signal) =>
      withDeadline(kind, MINED_WITHIN_MS + SEEN_WITHIN_MS, signal, async () => {
        const { blockNumber } = await journal.send(
          { kind, dedupe, to, data },
          { deadlineMs: MINED_WITHIN_MS, maxGas },
        )
        await follower.synced({ height: blockNumber, deadlineMs: SEEN_WITHIN_MS })
      }),
  }
}

type Parameters = ContractFunctionReturnType<typeof pricePolicyAbi, 'view', 'parameters'>

const toPolicy = ([
  floors,
  defaults,
  units,
  multipliers,
  rates,
  platformBps,
]: Parameters): PolicyParameters => ({
  ...{ floors, defaults, platformBps: BigInt(platformBps) },
  unitsPerVcpu: units.map(BigInt),
  bandwidthMultiplierBps: multipliers.map(BigInt),
  bandwidthRates: rates.map(BigInt),
})

const abi = leaseEscrowAbi

const makeEncoder = ({ leaseEscrow: to, leaseMandates }: Deployment, node: number): DutyEncoder => ({
  assign: ({ terms }) => ({
    ...{ to, data: encodeFunctionData({ abi, functionName: 'assign', args: [terms, node] }) },
  }),
  settle: (leaseIds) => ({ to, data: encodeFunctionData({ abi, functionName: 'settle', args: [leaseIds] }) }),
  renew: (leaseId) => ({
    to: leaseMandates,
    data: encodeFunctionData({ abi: leaseMandatesAbi, functionName: 'renew', args: [leaseId] }),
  }),
  release: (leaseId) => ({
    ...{ to, data: encodeFunctionData({ abi, functionName: 'releaseTemplateFee', args: [leaseId] }) },
  }),
  end: (leaseId) => ({ to, data: encodeFunctionData({ abi, functionName: 'end', args: [leaseId] }) }),
  credit: (leaseId, seconds) => ({
    ...{ to, data: encodeFunctionData({ abi, functionName: 'credit', args: [leaseId, seconds] }) },
  }),
  startReclaim: (leaseId, reason) => ({ to, data: startReclaimData(leaseId, reason) }),
  reclaim: (leaseId) => ({ to, data: reclaimData(leaseId) }),
})

/** @param reason at most 32 bytes of UTF-8. */
export const startReclaimData = (leaseId: Hex, reason: string): Hex =>
  encodeFunctionData({
    abi,
    functionName: 'startReclaim',
    args: [leaseId, stringToHex(reason, { size: 32 })],
  })

export const reclaimData = (leaseId: Hex): Hex =>
  encodeFunctionData({ abi, functionName: 'reclaim', args: [leaseId] })
