// From what the form holds to what the tenant signs. Pure.
import type { Terms } from '@decloud/protocol/lease'
import type { Manifest } from '@decloud/protocol/manifest'
import { type PolicyParameters, pricePerHour, type Resources } from '@decloud/protocol/pricing'
import { divUp, SECONDS_PER_HOUR } from '@decloud/protocol/units'
import type { Address, Hex } from 'viem'
import type { NodeOffer } from '../nodes/index.ts'

/** Seconds for which earned time stays creditable to the tenant. */
const HOLD_BACK = 3_600
/** Seconds that a node has to make the guest ready. */
export const ACTIVATE_WITHIN = 900
/** The base image every node carries. */
const IMAGE = 'debian-12'
const ANY_REGION: Hex = '0x0000000000000000'

export type Quote = {
  /** µUSDC. */
  pricePerHour: bigint
  deposit: bigint
  /** What a lease costs at least once its guest was ready. */
  leastCharge: bigint
  seconds: number
}

export const quote = (size: Resources, hours: number, node: NodeOffer, policy: PolicyParameters): Quote => {
  const price = pricePerHour(size, node.prices, policy)
  return {
    pricePerHour: price,
    deposit: price * BigInt(hours),
    leastCharge: divUp(price * BigInt(node.minCharge), SECONDS_PER_HOUR),
    seconds: hours * Number(SECONDS_PER_HOUR),
  }
}

/** The price shown is the most that can be charged: a node that raised it meanwhile is refused by the contract. */
export const buildTerms = (input: {
  tenant: Address
  node: NodeOffer
  size: Resources
  quote: Quote
  manifestHash: Hex
  salt: Hex
}): Terms => ({
  tenant: input.tenant,
  node: input.node.node,
  ...input.size,
  region: ANY_REGION,
  maxPricePerHour: input.quote.pricePerHour,
  deposit: input.quote.deposit,
  holdBack: HOLD_BACK,
  minNotice: input.node.notice,
  activateWithin: ACTIVATE_WITHIN,
  template: 0,
  templateVersion: 0,
  maxTemplateFee: 0n,
  manifestHash: input.manifestHash,
  salt: input.salt,
})

export const buildManifest = (sshKeyLine: string, salt: Hex): Manifest => ({
  version: 1,
  image: IMAGE,
  hostname: `vm-${salt.slice(2, 10)}`,
  sshKeys: [sshKeyLine],
  passwordHash: null,
  variables: {},
})
