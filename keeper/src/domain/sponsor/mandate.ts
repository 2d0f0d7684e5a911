// A tenant's signed request → the one call that it allows. Nothing else is ever sent for a tenant: the contracts are the
// deployment's own, the value is 0, and every argument is one that the signature covers (but for the sealed manifest of an
// opening, which the node holds against the hash in the signed terms).
import {
  autoRenewMandate,
  closeMandate,
  type Deployment,
  leaseEscrowAbi,
  leaseMandatesAbi,
  openAuthorization,
  type TokenDomain,
  topUpAuthorization,
  topUpMandate,
  withdrawMandate,
} from '@decloud/protocol'
import type { SponsorKind, SponsorRequest } from '@decloud/protocol/wire/sponsor'
import { type Address, encodeFunctionData, type Hex, hashTypedData } from 'viem'

export type Mandate = {
  kind: SponsorKind
  /** EIP-712 digest of what was signed; the same request has the same one. */
  digest: Hex
  signer: Address
  /** What the call changes, a lease or an account: two calls about one at a time could spoil each other. */
  subject: string
  to: Address
  data: Hex
  /** Unix seconds between which the contracts take the signature: after the first, up to the last. */
  validAfter: bigint
  validUntil: bigint
  /** µUSDC that the call moves; `null` where only the chain can say. */
  moves: bigint | null
}

export type MandateScope = {
  deployment: Deployment
  usdc: TokenDomain
  /** Tenant of the lease that the request names; asked only of requests that name one and no account. */
  tenant: Address | null
}

type Of<kind extends SponsorKind> = Extract<SponsorRequest, { kind: kind }>
type Call = Omit<Mandate, 'kind'>

const ALWAYS = 0n

const openCall = ({ deployment, usdc }: MandateScope, request: Of<'open'>): Call => {
  const { terms, manifest, validAfter, validBefore, signature } = request
  const { leaseEscrow } = deployment
  const typed = openAuthorization(usdc, leaseEscrow, terms, { validAfter, validBefore })
  return {
    digest: hashTypedData(typed),
    signer: terms.tenant,
    subject: typed.message.nonce,
    to: leaseEscrow,
    data: encodeFunctionData({
      abi: leaseEscrowAbi,
      functionName: 'openWithAuthorization',
      args: [terms, manifest, validAfter, validBefore, signature],
    }),
    validAfter,
    validUntil: validBefore - 1n,
    moves: terms.deposit,
  }
}

const topUpCall = ({ deployment }: MandateScope, request: Of<'top-up'>): Call => {
  const { payer, leaseId, amount, nonce, deadline, signature } = request
  return {
    digest: hashTypedData(topUpMandate(deployment, { payer, leaseId, amount, nonce, deadline })),
    signer: payer,
    subject: leaseId.toLowerCase(),
    to: deployment.leaseMandates,
    data: encodeFunctionData({
      abi: leaseMandatesAbi,
      functionName: 'topUpBySig',
      args: [payer, leaseId, amount, nonce, deadline, signature],
    }),
    validAfter: ALWAYS,
    validUntil: deadline,
    moves: amount,
  }
}

const topUpFromWalletCall = ({ deployment, usdc }: MandateScope, request: Of<'top-up-from-wallet'>): Call => {
  const { payer, leaseId, amount, salt, validAfter, validBefore, signature } = request
  const { leaseMandates } = deployment
  const payment = { payer, leaseId, amount, salt, validAfter, validBefore }
  return {
    digest: hashTypedData(topUpAuthorization(usdc, leaseMandates, payment)),
    signer: payer,
    subject: leaseId.toLowerCase(),
    to: leaseMandates,
    data: encodeFunctionData({
      abi: leaseMandatesAbi,
      functionName: 'topUpWithAuthorization',
      args: [payer, leaseId, amount, salt, validAfter, validBefore, signature],
    }),
    validAfter,
    validUntil: validBefore - 1n,
    moves: amount,
  }
}

const closeCall = ({ deployment }: MandateScope, signer: Address, request: Of<'close'>): Call => {
  const { leaseId, to, nonce, deadline, signature } = request
  return {
    digest: hashTypedData(closeMandate(deployment, { leaseId, to, nonce, deadline })),
    signer,
    subject: leaseId.toLowerCase(),
    to: deployment.leaseMandates,
    data: encodeFunctionData({
      abi: leaseMandatesAbi,
      functionName: 'closeBySig',
      args: [leaseId, to, nonce, deadline, signature],
    }),
    validAfter: ALWAYS,
    validUntil: deadline,
    moves: null,
  }
}

const withdrawCall = ({ deployment }: MandateScope, request: Of<'withdraw'>): Call => {
  const { account, to, amount, nonce, deadline, signature } = request
  return {
    digest: hashTypedData(withdrawMandate(deployment, { account, to, amount, nonce, deadline })),
    signer: account,
    subject: account.toLowerCase(),
    to: deployment.leaseMandates,
    data: encodeFunctionData({
      abi: leaseMandatesAbi,
      functionName: 'withdrawBySig',
      args: [account, to, amount, nonce, deadline, signature],
    }),
    validAfter: ALWAYS,
    validUntil: deadline,
    moves: amount,
  }
}

const autoRenewCall = ({ deployment }: MandateScope, signer: Address, request: Of<'auto-renew'>): Call => {
  const { leaseId, amount, budget, runway, nonce, deadline, signature } = request
  const renewal = { amount, budget, runway }
  return {
    digest: hashTypedData(autoRenewMandate(deployment, { leaseId, ...renewal, nonce, deadline })),
    signer,
    subject: leaseId.toLowerCase(),
    to: deployment.leaseMandates,
    data: encodeFunctionData({
      abi: leaseMandatesAbi,
      functionName: 'setAutoRenewBySig',
      args: [leaseId, renewal, nonce, deadline, signature],
    }),
    validAfter: ALWAYS,
    validUntil: deadline,
    moves: null,
  }
}

/** @returns `null` for a lease without a tenant: there is none. */
export const mandateOf = (scope: MandateScope, request: SponsorRequest): Mandate | null => {
  const { kind } = request
  switch (kind) {
    case 'open':
      return { kind, ...openCall(scope, request) }
    case 'top-up':
      return { kind, ...topUpCall(scope, request) }
    case 'top-up-from-wallet':
      return { kind, ...topUpFromWalletCall(scope, request) }
    case 'withdraw':
      return { kind, ...withdrawCall(scope, request) }
    case 'close':
      return scope.tenant && { kind, ...closeCall(scope, scope.tenant, request) }
    case 'auto-renew':
      return scope.tenant && { kind, ...autoRenewCall(scope, scope.tenant, request) }
  }
}
