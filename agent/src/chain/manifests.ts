import {
  DecloudError,
  type Deployment,
  type LeaseView,
  type Manifest,
  openManifest,
  sentenceOf,
} from '@decloud/protocol'
import type { Hex } from 'viem'
import { AgentError } from '../lib/errors.ts'
import type { OpenManifest } from '../reconcile/ports.ts'
import type { SealingKeys } from './node-facts.ts'
import { manifestHashOf, type PostedManifest } from './posted-manifests.ts'

/** Where a manifest may be that did not ride along with the lease. */
export type ManifestSources = {
  /** On chain, newest first. */
  posted(leaseId: Hex): readonly PostedManifest[]
  /** At keepers; asked only when nothing on chain opens. */
  mailboxes(leaseId: Hex): Promise<readonly Hex[]>
}

/** This node's private keys, and what they are held against. */
export type Sealing = {
  readonly keys: SealingKeys
  /** As their file has them now; without it they never change. */
  reread?(): SealingKeys
  /** The epoch to which tenants seal now, as the registry has it. */
  epochOnChain(): Promise<number>
}

/**
 * Opens the manifest in force: the one of the opening, one that the tenant posted on chain, or one from a mailbox.
 * Whichever opens to the hash that the tenant signed last is the right one, and nothing else is, whoever brought it. The
 * plaintext is never stored.
 * @returns a function that throws AgentError `sealing-key-missing` while the node lacks the key of the present epoch.
 */
export const makeManifestOpener = (
  deployment: Deployment,
  sealing: Sealing,
  sources: ManifestSources,
): OpenManifest => {
  const ring = makeKeyRing(deployment, sealing)
  return async (lease) => {
    const posted = sources.posted(lease.leaseId)
    const open = ring.opener(lease, manifestHashOf(lease, posted))
    const ciphertexts = posted.map(({ ciphertext }) => ciphertext)
    const onChain = [...ciphertexts, ...(lease.manifest === '0x' ? [] : [lease.manifest])]
    const first = await openFirst(onChain, open)
    if (first.manifest !== null) return first.manifest
    const mailboxes = await sources.mailboxes(lease.leaseId)
    const second = await openFirst(mailboxes, open)
    if (second.manifest !== null) return second.manifest
    const failure = first.failure ?? second.failure
    if (failure?.code === 'manifest-not-for-us') await ring.checkComplete()
    throw missing(lease, failure)
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
const makeKeyRing = (deployment: Deployment, { keys, reread, epochOnChain }: Sealing) => {
  let known = keys

  const openWithAny = async (
    lease: LeaseView,
    hash: Hex,
    sealed: Hex,
    keys: SealingKeys,
  ): Promise<Manifest> => {
    const context = {
      chainId: deployment.chainId,
      escrow: deployment.leaseEscrow,
      leaseId: lease.leaseId,
      node: lease.node,
    }
    let last: unknown = new DecloudError('manifest-not-for-us', 'This agent holds no sealing key.')
    for (const [epoch, privateKey] of [...keys].sort(([a], [b]) => b - a)) {
      try {
        return await openManifest(sealed, context, hash, { privateKey, epoch })
      } catch (error) {
        if (!(error instanceof DecloudError) || error.code !== 'manifest-not-for-us') throw error
        last = error
      }
    }
    throw last
  }

  /** Those that an operator has added since; none when the file has no more than before. */
  const added = (): SealingKeys => {
    const all = reread?.() ?? known
    const more = new Map([...all].filter(([epoch, key]) => known.get(epoch) !== key))
    known = new Map([...known, ...more])
    return more
  }

  return {
    opener: (lease: LeaseView, hash: Hex) => async (sealed: Hex) => {
      try {
        return await openWithAny(lease, hash, sealed, known)
      } catch (error) {
        if (!(error instanceof DecloudError) || error.code !== 'manifest-not-for-us') throw error
        const more = added()
        if (more.size === 0) throw error
        return openWithAny(lease, hash, sealed, more)
      }
    },
    /** What a tenant sealed to a key that the registry names is not for the tenant to do again. */
    checkComplete: async () => {
      const epoch = await epochOnChain()
      if (known.has(epoch)) return
      throw new AgentError(
        'sealing-key-missing',
        `Tenants seal manifests to epoch ${epoch} of this node's sealing key, which its agent does not hold.`,
        { hint: 'Its operator has to give the agent the sealing key file with that epoch.' },
      )
    },
  }
}
