// Why a transaction was refused, in the contract's own terms.
import { CONTRACTS, deCloudLensAbi, type Refusal, refusalOf } from '@decloud/protocol'
import { type Abi, type Address, BaseError, decodeErrorResult, formatEther, type Hex, isHex } from 'viem'
import { ChainError, RevertError } from '../errors.ts'
import { detailOf } from '../rpc-errors.ts'
import type { Intent } from './types.ts'

// A refusal of the desk or of a registry comes through the escrow as it is.
const ERRORS: Abi = [...Object.values<Abi>(CONTRACTS), deCloudLensAbi]
  .flat()
  .filter((item) => item.type === 'error')

/** Revert data carried by a JSON-RPC error, `undefined` when the error is not a revert. */
export const revertDataOf = (error: unknown): Hex | undefined => {
  if (!(error instanceof BaseError)) return undefined
  const holder = error.walk((e) => {
    const data = (e as { data?: unknown }).data
    return isHex(data) || isHex((data as { data?: unknown } | undefined)?.data)
  }) as { data?: Hex | { data: Hex } } | null
  if (holder !== null) return isHex(holder.data) ? holder.data : holder.data?.data
  // A revert without data: "execution reverted" and nothing else.
  return /revert/i.test(detailOf(error)) ? '0x' : undefined
}

const decode = (data: Hex, errors: Abi) => {
  try {
    const { errorName, args } = decodeErrorResult({ abi: errors, data })
    return { errorName, args: (args ?? []) as readonly unknown[] }
  } catch {
    // An error of a contract that is not ours (a token, for instance): its selector is all that can be said.
    return { errorName: '', args: [] }
  }
}

/** What a revert says, in words; `undefined` for bytes that no contract of ours reverts with. */
export const refusalIn = (data: Hex): Refusal | undefined => {
  const { errorName, args } = decode(data, ERRORS)
  return refusalOf(errorName, args)
}

/** @param extra further ABIs to name errors from. */
export const toRevert = (
  code: 'simulation-reverted' | 'tx-reverted',
  intent: Intent,
  data: Hex,
  cause: unknown,
  extra: Abi = [],
): RevertError => {
  const revert = decode(data, [...ERRORS, ...extra])
  const name = revert.errorName === '' ? (data === '0x' ? 'no reason' : data.slice(0, 10)) : revert.errorName
  const args = revert.args.map(String).join(', ')
  const refusal = refusalOf(revert.errorName, revert.args)
  return new RevertError(
    code,
    `The contract refuses ${intent.kind}: ${refusal?.message ?? `${name}${args === '' ? '' : `(${args})`}.`}`,
    revert,
    {
      ...(refusal === undefined ? {} : { hint: refusal.hint }),
      details: { kind: intent.kind, to: intent.to, error: name, data },
      cause,
    },
  )
}

/** The refusal that a failed simulation of `intent` was; `undefined` when it failed for another reason. */
export const revertOf = (intent: Intent, error: unknown, extra: Abi = []): RevertError | undefined => {
  const data = revertDataOf(error)
  return data === undefined ? undefined : toRevert('simulation-reverted', intent, data, error, extra)
}

/** A wallet that cannot pay for gas. Amounts in wei; the sentence says them in whole coins. */
export const gasFundsShort = (
  address: Address,
  chainId: number,
  needs: bigint,
  has: bigint,
  cause?: unknown,
) => {
  const coin = chainId === 137 || chainId === 80_002 ? 'POL' : 'native coin'
  const say = (wei: bigint) => `${formatEther(wei)} ${coin}`
  return new ChainError(
    'gas-funds-short',
    `${address} cannot pay for gas: it needs ${say(needs)} and has ${say(has)}.`,
    {
      hint: `Send at least ${say(needs - has)} to it.`,
      details: { address, needs: String(needs), has: String(has) },
      cause,
    },
  )
}

/** A call that has become dearer than its sender allows. */
export const gasOverCap = (kind: string, gas: bigint, cap: bigint) =>
  new ChainError('gas-over-cap', `The transaction of ${kind} would take ${gas} gas, the cap is ${cap}.`, {
    details: { kind, gas: String(gas), cap: String(cap) },
  })
