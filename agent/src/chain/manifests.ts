import { DecloudError, type Deployment, type LeaseView, type Manifest, openManifest } from '@decloud/protocol'
import type { OpenManifest } from '../reconcile/ports.ts'
import type { SealingKeys } from './node-facts.ts'

/** Opens what rode along with the lease, with the newest key that fits. The plaintext is never stored. */
export const makeManifestOpener =
  (deployment: Deployment, sealingKeys: SealingKeys): OpenManifest =>
  async (lease: LeaseView): Promise<Manifest> => {
    if (lease.manifest === '0x') {
      if (lease.terms.node === 0) {
        // Nobody could seal it before the node was known: it follows the assignment.
        throw new DecloudError('awaiting-manifest', 'The lease was assigned; its manifest has not come yet.')
      }
      throw new DecloudError('manifest-missing', 'The lease carries no manifest.')
    }
    const context = {
      chainId: deployment.chainId,
      escrow: deployment.leaseEscrow,
      leaseId: lease.leaseId,
      node: lease.node,
    }
    let last: unknown = new DecloudError('manifest-not-for-us', 'This agent holds no sealing key.')
    for (const [epoch, privateKey] of [...sealingKeys].sort(([a], [b]) => b - a)) {
      try {
        return await openManifest(lease.manifest, context, lease.terms.manifestHash, { privateKey, epoch })
      } catch (error) {
        if (!(error instanceof DecloudError) || error.code !== 'manifest-not-for-us') throw error
        last = error // sealed to another epoch: an older key may still open it
      }
    }
    throw last
  }
