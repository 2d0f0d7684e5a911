// What a tenant signs so that anybody may carry it out: typed data for LeaseMandates, and for an opening that one
// EIP-3009 signature pays for. Each value goes to a wallet's `signTypedData` as it is.
import { type Address, encodeAbiParameters, type Hex, keccak256 } from 'viem'
import { leaseIdOf, type Terms } from './lease.ts'
import type { Renewal } from './lease-fold.ts'

/** On which chain and contract a mandate counts. */
export type MandateScope = { chainId: number; leaseMandates: Address }

/** The token's own EIP-712 domain. */
export type TokenDomain = { name: string; version: string; chainId: number; verifyingContract: Address }

/** `nonce`: any number this signer has not used; `deadline`: unix seconds. */
export type Once = { nonce: bigint; deadline: bigint }

const domainOf = ({ chainId, leaseMandates }: MandateScope) =>
  ({ name: 'DeCloud LeaseMandates', version: '1', chainId, verifyingContract: leaseMandates }) as const

const ONCE = [
  { name: 'nonce', type: 'uint256' },
  { name: 'deadline', type: 'uint256' },
] as const

/** For `closeBySig`, by the tenant. @param to who gets the refund; the zero address keeps it as internal balance. */
export const closeMandate = (scope: MandateScope, message: { leaseId: Hex; to: Address } & Once) =>
  ({
    domain: domainOf(scope),
    types: { Close: [{ name: 'leaseId', type: 'bytes32' }, { name: 'to', type: 'address' }, ...ONCE] },
    primaryType: 'Close',
    message,
  }) as const

/** For `topUpBySig`, by whoever pays out of an internal balance. @param amount µUSDC. */
export const topUpMandate = (
  scope: MandateScope,
  message: { payer: Address; leaseId: Hex; amount: bigint } & Once,
) =>
  ({
    domain: domainOf(scope),
    types: {
      TopUp: [
        { name: 'payer', type: 'address' },
        { name: 'leaseId', type: 'bytes32' },
        { name: 'amount', type: 'uint64' },
        ...ONCE,
      ],
    },
    primaryType: 'TopUp',
    message,
  }) as const

/** For `withdrawBySig`, by the owner of the internal balance. @param amount µUSDC. */
export const withdrawMandate = (
  scope: MandateScope,
  message: { account: Address; to: Address; amount: bigint } & Once,
) =>
  ({
    domain: domainOf(scope),
    types: {
      Withdraw: [
        { name: 'account', type: 'address' },
        { name: 'to', type: 'address' },
        { name: 'amount', type: 'uint256' },
        ...ONCE,
      ],
    },
    primaryType: 'Withdraw',
    message,
  }) as const

/** For `setAutoRenewBySig`, by the tenant. */
export const autoRenewMandate = (scope: MandateScope, message: { leaseId: Hex } & Renewal & Once) =>
  ({
    domain: domainOf(scope),
    types: {
      AutoRenew: [
        { name: 'leaseId', type: 'bytes32' },
        { name: 'amount', type: 'uint64' },
        { name: 'budget', type: 'uint64' },
        { name: 'runway', type: 'uint32' },
        ...ONCE,
      ],
    },
    primaryType: 'AutoRenew',
    message,
  }) as const

/** Unix seconds between which, both excluded, a transfer may happen. */
export type Between = { validAfter: bigint; validBefore: bigint }

/** Circle's `ReceiveWithAuthorization`: only `to` itself can take `value`, in a call that says what for. */
const receiveAuthorization = (
  usdc: TokenDomain,
  message: { from: Address; to: Address; value: bigint; nonce: Hex } & Between,
) =>
  ({
    domain: usdc,
    types: {
      ReceiveWithAuthorization: [
        { name: 'from', type: 'address' },
        { name: 'to', type: 'address' },
        { name: 'value', type: 'uint256' },
        { name: 'validAfter', type: 'uint256' },
        { name: 'validBefore', type: 'uint256' },
        { name: 'nonce', type: 'bytes32' },
      ],
    },
    primaryType: 'ReceiveWithAuthorization',
    message,
  }) as const

/**
 * For `openWithAuthorization`, by the tenant of `terms`: the nonce is the lease's id, so that the signature pays for exactly
 * these terms.
 */
export const openAuthorization = (usdc: TokenDomain, leaseEscrow: Address, terms: Terms, between: Between) =>
  receiveAuthorization(usdc, {
    from: terms.tenant,
    to: leaseEscrow,
    value: terms.deposit,
    ...between,
    nonce: leaseIdOf(usdc.chainId, leaseEscrow, terms),
  })

/**
 * For `topUpWithAuthorization`, by whoever pays out of a wallet: the nonce names the lease, so that the signature pays into
 * no other.
 * @param payment `amount` in µUSDC; `salt`: any number this payer has not used for the lease.
 */
export const topUpAuthorization = (
  usdc: TokenDomain,
  leaseMandates: Address,
  payment: { payer: Address; leaseId: Hex; amount: bigint; salt: bigint } & Between,
) => {
  const { payer, leaseId, amount, salt, validAfter, validBefore } = payment
  const nonce = keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }], [leaseId, salt]))
  return receiveAuthorization(usdc, {
    from: payer,
    to: leaseMandates,
    value: amount,
    validAfter,
    validBefore,
    nonce,
  })
}
