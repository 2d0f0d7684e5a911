// What a tenant does with a lease: open, follow, close, check the bill. The demo, the tests and scripts/lease.ts share it.
import { randomBytes } from 'node:crypto'
import { type Chain, connect, type Journal, makeJournal, makeLens, openDatabase } from '@decloud/chain'
import {
  DecloudError,
  type Deployment,
  formatUsdc,
  LEASE_STATUSES,
  leaseEscrowAbi,
  leaseIdOf,
  type Manifest,
  type ManifestContext,
  manifestCommitment,
  manifestPayload,
  nodeRegistryAbi,
  type Resources,
  sealManifest,
  type Terms,
} from '@decloud/protocol'
import {
  bytesToHex,
  encodeFunctionData,
  erc20Abi,
  type Hex,
  type LocalAccount,
  zeroAddress,
  zeroHash,
} from 'viem'

export type Tenant = {
  chain: Chain
  account: LocalAccount
  journal: Journal
  close(): Promise<void>
}

/** The journal lives in memory: what a killed command has sent is found again on chain, by the lease id it printed. */
export const makeTenant = async (options: {
  rpcUrls: readonly string[]
  deployment: Deployment
  account: LocalAccount
}): Promise<Tenant> => {
  const chain = await connect({ urls: options.rpcUrls, deployment: options.deployment })
  const db = openDatabase(':memory:')
  const journal = makeJournal({ chain, db, account: options.account })
  return {
    chain,
    account: options.account,
    journal,
    close: async () => {
      await journal.close()
      db.close()
    },
  }
}

export type LeaseRequest = {
  node: number
  /** The terms name no node: whoever assigns chooses one. The manifest is sealed to `node` all the same. */
  untargeted?: boolean
  resources: Resources
  manifest: Manifest
  /** µUSDC; by default what `hours` cost. */
  deposit?: bigint
  hours?: number
  /** µUSDC per hour; by default what the node asks now. */
  maxPricePerHour?: bigint
  /** Seconds; one hour by default. */
  holdBack?: number
  /** Seconds; 15 minutes by default. */
  activateWithin?: number
}

/** Seals something else in the place of the manifest: what a hostile relayer could try. */
export type Seal = (context: ManifestContext) => Promise<Hex>

export type OpenedLease = { leaseId: Hex; terms: Terms; pricePerHour: bigint; transaction: Hex }

const UNBOUNDED = 2n ** 64n - 1n

/** Terms of a lease for any node, bounded by nothing but its size. */
export const draftOf = (resources: Resources): Terms => ({
  ...resources,
  tenant: zeroAddress,
  node: 0,
  region: '0x0000000000000000',
  maxPricePerHour: UNBOUNDED,
  deposit: UNBOUNDED,
  holdBack: 0,
  minNotice: 0,
  activateWithin: 0,
  template: 0,
  templateVersion: 0,
  maxTemplateFee: 0n,
  manifestHash: zeroHash,
  salt: zeroHash,
})

/**
 * What `resources` cost on a node now, µUSDC per hour.
 * @throws DecloudError `node-unavailable` with the reason: unknown, draining, full.
 */
export const quote = async (
  { chain }: Pick<Tenant, 'chain'>,
  node: number,
  resources: Resources,
): Promise<bigint> => {
  const { pricePerHour, refusal } = await makeLens(chain).quote(draftOf(resources), node)
  if (refusal !== null) {
    throw new DecloudError('node-unavailable', refusal.message, { hint: refusal.hint })
  }
  return pricePerHour
}

/**
 * Seals the manifest to the node, allows the escrow the deposit where it is not yet allowed, opens the lease.
 * @throws DecloudError `node-unavailable`, `usdc-short`; ChainError and RevertError of the journal.
 */
export const openLease = async (
  tenant: Tenant,
  request: LeaseRequest,
  options: { seal?: Seal } = {},
): Promise<OpenedLease> => {
  const { chain, account } = tenant
  const { deployment } = chain
  const price = await quote(tenant, request.node, request.resources)
  const payload = manifestPayload(request.manifest, bytesToHex(randomBytes(32)))
  const terms: Terms = {
    ...draftOf(request.resources),
    tenant: account.address,
    node: request.untargeted ? 0 : request.node,
    maxPricePerHour: request.maxPricePerHour ?? price,
    deposit: request.deposit ?? price * BigInt(request.hours ?? 1),
    holdBack: request.holdBack ?? 3_600,
    activateWithin: request.activateWithin ?? 900,
    manifestHash: manifestCommitment(payload),
    salt: bytesToHex(randomBytes(32)),
  }
  const leaseId = leaseIdOf(deployment.chainId, deployment.leaseEscrow, terms)
  const context = {
    chainId: deployment.chainId,
    escrow: deployment.leaseEscrow,
    leaseId,
    node: request.node,
  }
  const sealed = options.seal
    ? await options.seal(context)
    : await sealManifest(payload, context, [await sealingKeyOf(chain, request.node)])
  const transaction = await sendOpen(tenant, leaseId, terms, sealed)
  return { leaseId, terms, pricePerHour: price, transaction }
}

/** Allows the escrow the deposit where it is not yet allowed, and opens the lease. @returns the transaction. */
export const sendOpen = async (tenant: Tenant, leaseId: Hex, terms: Terms, sealed: Hex): Promise<Hex> => {
  await allow(tenant, terms.deposit)
  const { hash } = await tenant.journal.send({
    kind: 'open',
    dedupe: `open:${leaseId}`,
    to: tenant.chain.deployment.leaseEscrow,
    data: encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'open', args: [terms, sealed] }),
  })
  return hash
}

export const sealingKeyOf = async (chain: Chain, node: number) => {
  const [publicKey, epoch] = await chain.request("read the node's sealing key", (client) =>
    client.readContract({
      address: chain.deployment.nodeRegistry,
      abi: nodeRegistryAbi,
      functionName: 'sealingKeyOf',
      args: [node],
    }),
  )
  return { publicKey, epoch }
}

const allow = async ({ chain, account, journal }: Tenant, amount: bigint) => {
  const { usdc, leaseEscrow } = chain.deployment
  const { wallet, allowance } = await makeLens(chain).account(account.address)
  if (wallet < amount) {
    throw new DecloudError(
      'usdc-short',
      `The lease takes ${formatUsdc(amount)} USDC and ${account.address} holds ${formatUsdc(wallet)}.`,
      { hint: 'Fund the wallet, or deposit for fewer hours.' },
    )
  }
  if (allowance >= amount) return
  await journal.send({
    kind: 'approve',
    dedupe: `approve:${amount}`,
    to: usdc,
    data: encodeFunctionData({ abi: erc20Abi, functionName: 'approve', args: [leaseEscrow, amount] }),
  })
}

/** The lease as contract storage has it now. @throws DecloudError `lease-unknown`. */
export const readLease = async ({ chain }: Pick<Tenant, 'chain'>, leaseId: Hex) => {
  const lease = await chain.request('read the lease', (client) =>
    client.readContract({
      address: chain.deployment.leaseEscrow,
      abi: leaseEscrowAbi,
      functionName: 'leaseOf',
      args: [leaseId],
    }),
  )
  const status = LEASE_STATUSES[lease.status] ?? 'None'
  if (status === 'None') {
    throw new DecloudError('lease-unknown', `There is no lease ${leaseId} in this escrow.`, {
      hint: 'Check the id and the deployment.',
    })
  }
  return { ...lease, status }
}

/** Ends the lease at once. @param to who receives the refund; the zero address keeps it as internal balance. */
export const closeLease = async (tenant: Tenant, leaseId: Hex, to = tenant.account.address): Promise<Hex> => {
  const { hash } = await tenant.journal.send({
    kind: 'close',
    dedupe: `close:${leaseId}`,
    to: tenant.chain.deployment.leaseEscrow,
    data: encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'close', args: [leaseId, to] }),
  })
  return hash
}

/** Pays more into a lease; a depleted one resumes. @param amount µUSDC. */
export const topUpLease = async (tenant: Tenant, leaseId: Hex, amount: bigint): Promise<Hex> => {
  await allow(tenant, amount)
  const { hash } = await tenant.journal.send({
    kind: 'topUp',
    dedupe: `topUp:${leaseId}`,
    to: tenant.chain.deployment.leaseEscrow,
    data: encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'topUp', args: [leaseId, amount] }),
  })
  return hash
}
