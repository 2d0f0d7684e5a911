// What a tenant hands a sponsor: the arguments of one typed call and the signature over them. The sponsor can carry out
// exactly that call, or leave it. Amounts are µUSDC as decimal strings on the wire, times unix seconds.
import { z } from 'zod'
import type { Terms } from '../lease.ts'
import { MAX_SEALED_BYTES } from '../sealed.ts'
import { addressParam, bigintText, wordText } from './api/values.ts'

export const SPONSOR_KINDS = [
  'open',
  'top-up',
  'top-up-from-wallet',
  'close',
  'withdraw',
  'auto-renew',
] as const
export type SponsorKind = (typeof SPONSOR_KINDS)[number]

/** Largest signature taken: 65 bytes of a plain key; a wallet contract with a dozen owners needs about a thousand. */
const MAX_SIGNATURE_BYTES = 2_048

const bytesText = (most: number) =>
  z.templateLiteral(['0x', z.string().regex(new RegExp(`^(?:[0-9a-fA-F]{2}){0,${most}}$`))])
/** An unsigned integer of so many bits, as the contracts take it. */
const uint = (bits: 8 | 16 | 32) =>
  z
    .int()
    .min(0)
    .max(2 ** bits - 1)
const bigUint = (bits: 64 | 256) =>
  bigintText.refine((value) => value < 1n << BigInt(bits), `an integer of ${bits} bits at most`)
export const signatureText = bytesText(MAX_SIGNATURE_BYTES)
const once = { nonce: bigUint(256), deadline: bigUint(256), signature: signatureText }

const terms = z.strictObject({
  tenant: addressParam,
  node: uint(32),
  vcpus: uint(16),
  tier: uint(8),
  bandwidth: uint(8),
  gpus: uint(8),
  memoryMiB: uint(32),
  diskGiB: uint(32),
  region: z.templateLiteral(['0x', z.string().regex(/^[0-9a-fA-F]{16}$/)]),
  maxPricePerHour: bigUint(64),
  deposit: bigUint(64),
  holdBack: uint(32),
  minNotice: uint(32),
  activateWithin: uint(32),
  template: uint(32),
  templateVersion: uint(32),
  maxTemplateFee: bigUint(64),
  manifestHash: wordText,
  salt: wordText,
}) satisfies z.ZodType<Terms>

/** `LeaseEscrow.openWithAuthorization`. */
const open = z.strictObject({
  terms,
  manifest: bytesText(MAX_SEALED_BYTES),
  validAfter: bigUint(256),
  validBefore: bigUint(256),
  signature: signatureText,
})
/** `LeaseMandates.topUpBySig`: out of the internal balance of `payer`. */
const topUp = z.strictObject({ payer: addressParam, leaseId: wordText, amount: bigUint(64), ...once })
/** `LeaseMandates.topUpWithAuthorization`: out of the wallet of `payer`, who needs no gas coin in it. */
const topUpFromWallet = z.strictObject({
  payer: addressParam,
  leaseId: wordText,
  amount: bigUint(64),
  salt: bigUint(256),
  validAfter: bigUint(256),
  validBefore: bigUint(256),
  signature: signatureText,
})
/** `LeaseMandates.closeBySig`. */
const close = z.strictObject({ leaseId: wordText, to: addressParam, ...once })
/** `LeaseMandates.withdrawBySig`. */
const withdraw = z.strictObject({ account: addressParam, to: addressParam, amount: bigUint(256), ...once })
/** `LeaseMandates.setAutoRenewBySig`. */
const autoRenew = z.strictObject({
  leaseId: wordText,
  amount: bigUint(64),
  budget: bigUint(64),
  runway: uint(32),
  ...once,
})

/** The body of `POST /api/sponsor/<kind>`. */
export const sponsorBodies = {
  open,
  'top-up': topUp,
  'top-up-from-wallet': topUpFromWallet,
  close,
  withdraw,
  'auto-renew': autoRenew,
} as const

export type SponsorRequest = {
  [kind in SponsorKind]: { kind: kind } & z.output<(typeof sponsorBodies)[kind]>
}[SponsorKind]

/** `waiting`: written down, on its way. `done`: in a block. `refused`: in a block, and the contract refused it. `failed`:
 *  never sent, or overtaken; the same signature may be handed in again. */
export const SPONSORSHIP_STATES = ['waiting', 'done', 'refused', 'failed'] as const

export const sponsorshipSchema = z.object({
  /** The EIP-712 digest of what was signed. */
  id: wordText,
  kind: z.enum(SPONSOR_KINDS),
  state: z.enum(SPONSORSHIP_STATES),
  /** Of the transaction that was mined, or of the newest one sent. */
  transaction: wordText.nullable(),
  /** Why it was refused or failed. */
  reason: z.object({ code: z.string(), sentence: z.string() }).nullable(),
})
export type Sponsorship = z.output<typeof sponsorshipSchema>

export const sponsorWaitSchema = z.object({
  /** Seconds to wait for the block before answering 202. */
  wait: z.coerce.number().int().min(0).max(20).default(5),
})

export const sponsorStatusSchema = z.object({
  /** Whether this keeper pays for anybody's gas at the moment. */
  enabled: z.boolean(),
  /** What an address may have in one UTC day. Costs are in µUSDC. */
  limits: z.object({
    perAddressCount: z.int(),
    perAddressCost: bigintText,
    minDeposit: bigintText,
    /** Gas may cost this part of the money a call moves, in hundredths of a per cent. */
    maxCostBps: z.int(),
    maxManifestBytes: z.int(),
    /** Seconds that a signature must still be good for. */
    minValiditySeconds: z.int(),
  }),
  /** What is left today for the address asked about; `null` when none was. */
  remaining: z.object({ count: z.int(), cost: bigintText }).nullable(),
})
export type SponsorStatus = z.output<typeof sponsorStatusSchema>

/** Codes of refusals by which the contracts, not the sponsor, say no: paying for the gas oneself would not help. */
export const CONTRACT_REFUSALS: ReadonlySet<string> = new Set(['contract-refused'])
