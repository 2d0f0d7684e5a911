// Everything a lease needs before the first signature: terms, id, sealed manifest.
import { DecloudError } from '@decloud/protocol/errors'
import { leaseIdOf } from '@decloud/protocol/lease'
import type { Resources } from '@decloud/protocol/pricing'
import { type Address, bytesToHex, type Hex } from 'viem'
import type { Runtime } from '../../data/runtime.tsx'
import type { NodeOffer } from '../nodes/index.ts'
import type { OpenParams } from './open-flow.ts'
import type { Payment } from './payment.ts'
import { buildManifest, buildTerms, type Quote } from './terms.ts'

const random32 = (): Hex => bytesToHex(crypto.getRandomValues(new Uint8Array(32)))

/**
 * @throws DecloudError `browser-insecure` where the browser withholds WebCrypto, `node-unsealable` for a node without
 *   a usable key.
 */
export const prepareLease = async (
  runtime: Runtime,
  input: {
    tenant: Address
    node: NodeOffer
    size: Resources
    quote: Quote
    sshKeyLine: string
    payment: Payment
  },
): Promise<OpenParams> => {
  if (!globalThis.isSecureContext) {
    throw new DecloudError(
      'browser-insecure',
      'This browser withholds encryption from pages without HTTPS.',
      {
        hint: 'Open DeCloud over https:// or on localhost.',
      },
    )
  }
  // Loaded on demand: most visits never seal anything.
  const { manifestCommitment, manifestPayload, sealManifest } = await import('@decloud/protocol/manifest')
  const { chainId, leaseEscrow } = runtime.config
  const salt = random32()
  const payload = manifestPayload(buildManifest(input.sshKeyLine, salt), random32())
  const terms = buildTerms({ ...input, manifestHash: manifestCommitment(payload), salt })
  const leaseId = leaseIdOf(chainId, leaseEscrow, terms)
  const context = { chainId, escrow: leaseEscrow, leaseId, node: input.node.node }
  const manifest = await sealManifest(payload, context, [input.node.sealing]).catch((cause: unknown) => {
    if (cause instanceof DecloudError) throw cause
    throw new DecloudError('node-unsealable', `Node ${input.node.node} has no usable sealing key.`, {
      hint: 'Choose another node; its operator must register a valid X25519 key.',
      cause,
    })
  })
  return { leaseId, terms, manifest, payment: input.payment }
}
