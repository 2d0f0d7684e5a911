import {
  DecloudError,
  type Deployment,
  type LeaseView,
  type Manifest,
  openManifest,
  sentenceOf,
} from '@decloud/protocol'
import type { Hex } from 'viem'
import type { OpenManifest } from '../reconcile/ports.ts'
import type { SealingKeys } from './node-facts.ts'

/** Where a manifest may be that did not ride along with the lease. */
export type ManifestSources = {
  /** On chain, newest first. */
  posted(leaseId: Hex): readonly Hex[]
  /** At keepers; asked only when nothing on chain opens. */
  mailboxes(leaseId: Hex): Promise<readonly Hex[]>
}

/**
 * Opens the manifest of a lease: the one of the opening, else one that the tenant posted on chain, else one from a
 * mailbox. Whichever opens to the hash in the signed terms is the right one, and nothing else is, whoever brought it.
 * The plaintext is never stored.
 */
export const makeManifestOpener = (
  deployment: Deployment,
  sealingKeys: SealingKeys,
  sources: ManifestSources,
): OpenManifest => {
  const openWithAny = makeKeyRing(deployment, sealingKeys)
  return async (lease) => {
    const onChain = [...(lease.manifest === '0x' ? [] : [lease.manifest]), ...sources.posted(lease.leaseId)]
    const first = await openFirst(onChain, (sealed) => openWithAny(lease, sealed))
    if (first.manifest !== null) return first.manifest
    const mailboxes = await sources.mailboxes(lease.leaseId)
    const second = await openFirst(mailboxes, (sealed) => openWithAny(lease, sealed))
    if (second.manifest !== null) return second.manifest
    throw missing(lease, first.failure ?? second.failure)
  }
}

/** Only a manifest that the tenant did sign and that is none ends the search: no other can match the hash. */
const openFirst = async (candidates: readonly Hex[], open: (sealed: Hex) => Promise<Manifest>) => {
  let failure: DecloudError | null = null
  for (const sealed of candidates) {
    try {
      return { manifest: await open(sealed), failure: null }
    } catch (error) {
      if (!(error instanceof DecloudError) || error.code === 'manifest-invalid') throw error
      failure ??= error
    }
  }
  return { manifest: null, failure }
}

const missing = (lease: LeaseView, failure: DecloudError | null): DecloudError => {
  // Nobody could seal it before the node was known: it follows the assignment, and may still come.
  if (lease.terms.node === 0) {
    const why = failure === null ? '' : ` What came does not fit: ${sentenceOf(failure)}`
    return new DecloudError(
      'awaiting-manifest',
      `The lease was assigned; its manifest has not come yet.${why}`,
      failure === null ? {} : { cause: failure },
    )
  }
  return failure ?? new DecloudError('manifest-missing', 'The lease carries no manifest.')
}

/** Tries this node's sealing keys, the newest first: an older one may still open what was sealed to another epoch. */
const makeKeyRing = (deployment: Deployment, sealingKeys: SealingKeys) => {
  const keys = [...sealingKeys].sort(([a], [b]) => b - a)
  return async (lease: LeaseView, sealed: Hex): Promise<Manifest> => {
    const context = {
      chainId: deployment.chainId,
      escrow: deployment.leaseEscrow,
      leaseId: lease.leaseId,
      node: lease.node,
    }
    let last: unknown = new DecloudError('manifest-not-for-us', 'This agent holds no sealing key.')
    for (const [epoch, privateKey] of keys) {
      try {
        return await openManifest(sealed, context, lease.terms.manifestHash, { privateKey, epoch })
      } catch (error) {
        if (!(error instanceof DecloudError) || error.code !== 'manifest-not-for-us') throw error
        last = error
      }
    }
    throw last
  }
}
