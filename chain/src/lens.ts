// Whole views in one call, through the lens; and the ids of leases, which are in the escrow's logs and nowhere else.
import {
  type Deployment,
  deCloudLensAbi,
  type LeaseStatus,
  leaseEscrowAbi,
  type Refusal,
  type Terms,
} from '@decloud/protocol'
import { type Address, type ContractFunctionReturnType, type Hex, zeroAddress } from 'viem'
import type { Chain, RpcClient } from './connect.ts'
import { ChainError } from './errors.ts'
import { refusalIn } from './journal/refusals.ts'
import { inWindows } from './windows.ts'

/** Where a lease stands now, as `IDeCloudLens.Stage` numbers it. */
export const LEASE_STAGES = [
  'None',
  'Requested',
  'RequestLapsed',
  'Assigned',
  'ActivationOverdue',
  'Active',
  'Depleted',
  'Ended',
] as const satisfies readonly (LeaseStatus | 'RequestLapsed' | 'ActivationOverdue' | 'Depleted')[]

type Answer<name extends 'leaseView' | 'quote'> = ContractFunctionReturnType<
  typeof deCloudLensAbi,
  'view',
  name
>

/** A lease with all that follows from it; see `IDeCloudLens.LeaseView` for every unit. */
export type LensLease = Answer<'leaseView'>

/** See `IDeCloudLens.Quoted`; `refusal` is `null` when the terms are accepted. */
type LensQuote = Omit<Answer<'quote'>, 'refusal'> & { refusal: Refusal | null }

/** Which leases are wanted; all that are given by default. */
type LeaseFilter = { tenant?: Address; node?: number; live?: boolean }

const SILENT: Refusal = {
  message: 'The registry or the price policy does not answer.',
  hint: 'Try again later; leases that run go on.',
}

const addressOf = ({ deCloudLens }: Deployment): Address => {
  if (deCloudLens !== undefined) return deCloudLens
  throw new ChainError('lens-missing', 'The deployment file names no lens.', {
    hint: 'Take a deployment file that has "deCloudLens"; a lens can be deployed beside any escrow.',
  })
}

export type Lens = {
  /** Those of `ids` that exist and match, in their order, all of them as of one block. */
  leases(ids: readonly Hex[], filter?: LeaseFilter): Promise<readonly LensLease[]>
  /** What terms cost on a node and whether it takes them now; terms for any node can be quoted on each. */
  quote(terms: Terms, node: number): Promise<LensQuote>
  /** What an account can pay with, µUSDC. */
  account(address: Address): Promise<{ balance: bigint; wallet: bigint; allowance: bigint }>
}

/** @throws ChainError `lens-missing`; every read throws as `Chain.request` does. */
export const makeLens = (chain: Chain): Lens => {
  const lens = { address: addressOf(chain.deployment), abi: deCloudLensAbi } as const
  const pages = async (client: RpcClient, ids: readonly Hex[], filter: LeaseFilter) => {
    const [blockNumber, size] = await Promise.all([
      client.getBlockNumber({ cacheTime: 0 }),
      client.readContract({ ...lens, functionName: 'MAX_PAGE' }),
    ])
    const { tenant = zeroAddress, node = 0, live = false } = filter
    const found: LensLease[] = []
    // As many ids as a page holds: then a page holds all that match.
    for (let at = 0; at < ids.length; at += Number(size)) {
      const some = ids.slice(at, at + Number(size))
      const args = [{ tenant, node, live }, some, 0n, size] as const
      const [page] = await client.readContract({ ...lens, functionName: 'leasesOf', args, blockNumber })
      found.push(...page)
    }
    return found
  }
  return {
    leases: (ids, filter = {}) => chain.request('read the leases', (client) => pages(client, ids, filter)),
    quote: async (terms, node) => {
      const { refusal, ...quoted } = await chain.request('read the price', (client) =>
        client.readContract({ ...lens, functionName: 'quote', args: [terms, node] }),
      )
      return { ...quoted, refusal: quoted.accepted ? null : (refusalIn(refusal) ?? SILENT) }
    },
    account: (address) =>
      chain.request('read the account', (client) =>
        client.readContract({ ...lens, functionName: 'accountView', args: [address] }),
      ),
  }
}

/**
 * The ids of all leases that a tenant ever opened, or that were ever assigned to a node, in the order of the chain. They
 * never change afterwards; what has become of them is for `Lens.leases` to say.
 * @throws ChainError when the RPC refuses even short ranges of logs.
 */
export const leaseIdsOf = async (
  chain: Chain,
  of: { tenant: Address } | { node: number },
): Promise<readonly Hex[]> => {
  const head = await chain.request('read the head', (client) => client.getBlockNumber({ cacheTime: 0 }))
  const ids: Hex[] = []
  await inWindows(chain, { head }, async (from, to) => {
    ids.push(
      ...(await chain.request('read the leases opened', (client) => idsIn(client, chain, of, from, to))),
    )
  })
  return ids
}

const idsIn = async (
  client: RpcClient,
  { deployment: { leaseEscrow } }: Chain,
  of: { tenant: Address } | { node: number },
  fromBlock: bigint,
  toBlock: bigint,
): Promise<Hex[]> => {
  const query = { address: leaseEscrow, abi: leaseEscrowAbi, fromBlock, toBlock, strict: true } as const
  const logs =
    'tenant' in of
      ? await client.getContractEvents({ ...query, eventName: 'LeaseRequested', args: of })
      : await client.getContractEvents({ ...query, eventName: 'LeaseAssigned', args: of })
  return logs.map(({ args }) => args.leaseId)
}
