// A lease without a node of the tenant's choice: opened first, placed by the scheduler, and only then told what to run.
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import {
  DecloudError,
  leaseAccessAbi,
  leaseIdOf,
  type Manifest,
  mailboxPost,
  manifestCommitment,
  manifestPayload,
  type Resources,
  sealManifest,
  type Terms,
} from '@decloud/protocol'
import { problemSchema } from '@decloud/protocol/wire/api'
import { type MailboxEntry, type MailboxPostBody, mailboxEntrySchema } from '@decloud/protocol/wire/mailbox'
import { bytesToHex, encodeFunctionData, type Hex, hexToBytes, keccak256 } from 'viem'
import { draftOf, readLease, sealingKeyOf, sendOpen, type Tenant } from './tenant.ts'

export type AnyNodeRequest = {
  resources: Resources
  manifest: Manifest
  /** µUSDC per hour that a node may ask. */
  maxPricePerHour: bigint
  /** µUSDC; by default what `hours` cost at the maximum. */
  deposit?: bigint
  hours?: number
  /** Eight bytes; any by default. */
  region?: Hex
}

/** `payload`: salt and manifest, which the lease is bound to by their hash. Whoever loses it cannot start the lease. */
export type AnyNodeLease = { leaseId: Hex; terms: Terms; payload: Hex; transaction: Hex }

/** @param keep called with the payload before anything is sent. */
export const openForAnyNode = async (
  tenant: Tenant,
  request: AnyNodeRequest,
  keep: (leaseId: Hex, payload: Hex) => Promise<void> = async () => {},
): Promise<AnyNodeLease> => {
  const { deployment } = tenant.chain
  const payload = manifestPayload(request.manifest, bytesToHex(randomBytes(32)))
  const terms: Terms = {
    ...draftOf(request.resources),
    tenant: tenant.account.address,
    ...(request.region === undefined ? {} : { region: request.region }),
    maxPricePerHour: request.maxPricePerHour,
    deposit: request.deposit ?? request.maxPricePerHour * BigInt(request.hours ?? 1),
    holdBack: 3_600,
    activateWithin: 900,
    manifestHash: manifestCommitment(payload),
    salt: bytesToHex(randomBytes(32)),
  }
  const leaseId = leaseIdOf(deployment.chainId, deployment.leaseEscrow, terms)
  await keep(leaseId, bytesToHex(payload))
  const transaction = await sendOpen(tenant, leaseId, terms, '0x')
  return { leaseId, terms, payload: bytesToHex(payload), transaction }
}

/** Waits until the lease has a node. @throws DecloudError `lease-ended`, `assignment-late` after `deadlineMs`. */
export const assignedNode = async (
  tenant: Pick<Tenant, 'chain'>,
  leaseId: Hex,
  { deadlineMs = 600_000, pollMs = 500 } = {},
): Promise<number> => {
  for (const end = Date.now() + deadlineMs; Date.now() < end; await delay(pollMs)) {
    const { status, node } = await readLease(tenant, leaseId)
    if (status === 'Ended') throw new DecloudError('lease-ended', 'The lease has ended without a node.')
    if (status !== 'Requested') return node
  }
  throw new DecloudError('assignment-late', `No node took the lease within ${deadlineMs / 1_000} s.`, {
    hint: 'Wait longer, or close it: the whole deposit comes back. A higher maximum price finds more nodes.',
  })
}

/** Seals what was kept at the opening to the node that the lease was assigned to. */
export const sealFor = async (tenant: Tenant, leaseId: Hex, node: number, payload: Hex): Promise<Hex> => {
  const { chainId, leaseEscrow: escrow } = tenant.chain.deployment
  return sealManifest(new Uint8Array(hexToBytes(payload)), { chainId, escrow, leaseId, node }, [
    await sealingKeyOf(tenant.chain, node),
  ])
}

const KEPT_SECONDS = 86_400

/** Signs a post for a keeper's mailbox. */
export const signPost = async (
  { chain, account }: Pick<Tenant, 'chain' | 'account'>,
  post: { leaseId: Hex; node: number; sealed: Hex },
  issuedAt = Math.floor(Date.now() / 1_000),
): Promise<MailboxPostBody> => {
  const { leaseId, node, sealed } = post
  const expiresAt = issuedAt + KEPT_SECONDS
  const message = {
    ...{ leaseId, node, sealedHash: keccak256(sealed) },
    ...{ issuedAt: BigInt(issuedAt), expiresAt: BigInt(expiresAt) },
  }
  const signature = await account.signTypedData(mailboxPost(chain.deployment, message))
  return { node, sealed, issuedAt, expiresAt, signature }
}

/** @throws DecloudError with the keeper's code and sentence, or `keeper-unreachable`. */
export const postToMailbox = async (
  keeperUrl: string,
  leaseId: Hex,
  body: MailboxPostBody,
): Promise<MailboxEntry> => {
  const base = keeperUrl.endsWith('/') ? keeperUrl : `${keeperUrl}/`
  const response = await fetch(new URL(`api/mailbox/${leaseId}`, base), {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  }).catch((cause: unknown) => {
    throw new DecloudError('keeper-unreachable', `The keeper at ${base} does not answer.`, {
      hint: 'Name another with --keeper, or post on chain.',
      cause,
    })
  })
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok) return mailboxEntrySchema.parse(answer)
  const problem = problemSchema.safeParse(answer)
  if (!problem.success) throw new DecloudError('keeper-answer', `The keeper answered ${response.status}.`)
  throw new DecloudError(problem.data.code, problem.data.detail ?? problem.data.title)
}

/** The same without a keeper: for gas, and for all to see. */
export const postOnChain = async (
  tenant: Tenant,
  post: { leaseId: Hex; sealed: Hex; commitment: Hex },
): Promise<Hex> => {
  const { leaseAccess } = tenant.chain.deployment
  if (leaseAccess === undefined) {
    throw new DecloudError('access-missing', 'The deployment file names no LeaseAccess contract.', {
      hint: 'Give a deployment file that has "leaseAccess", or a keeper with --keeper.',
    })
  }
  const head = await tenant.chain.request('read the manifests of the lease', (client) =>
    client.readContract({
      address: leaseAccess,
      abi: leaseAccessAbi,
      functionName: 'manifestOf',
      args: [post.leaseId],
    }),
  )
  const { hash } = await tenant.journal.send({
    kind: 'postManifest',
    dedupe: `manifest:${post.leaseId}:${head.version + 1}`,
    to: leaseAccess,
    data: encodeFunctionData({
      abi: leaseAccessAbi,
      functionName: 'postManifest',
      args: [post.leaseId, head.version + 1, post.commitment, post.sealed],
    }),
  })
  return hash
}
