// The shape of the sentences: one for every custom error of every contract. The type asks for all of them, so an error
// that is added to an ABI does not compile until it has its words.
import type { Abi, ContractErrorArgs, ContractErrorName } from 'viem'
import type * as abis from '../abi/index.ts'
import { formatUsdc } from '../units.ts'

type ErrorsOf<abi extends Abi> = {
  readonly [name in ContractErrorName<abi>]: (
    ...args: ContractErrorArgs<abi, name> extends infer args extends readonly unknown[] ? args : never
  ) => Sentence
}

/** What happened, and what to do about it. */
export type Sentence = readonly [message: string, hint: string]

type AnyAbi = (typeof abis)[keyof typeof abis]

type AnyError = ContractErrorName<AnyAbi>

/** By prefix of the name: `LeaseEscrow_NotTenant` is of `LeaseEscrow`. What has no prefix is of a library. */
export type Refusals<prefix extends string> = Pick<
  ErrorsOf<AnyAbi[number][]>,
  Extract<AnyError, `${prefix}_${string}`>
>
export type LibraryRefusals = Omit<ErrorsOf<AnyAbi[number][]>, `${string}_${string}`>
export type AllRefusals = ErrorsOf<AnyAbi[number][]>

export const usdc = (amount: bigint): string => `${formatUsdc(amount)} USDC`

/** Seconds since 1970 as "2030-03-17 17:46:40 UTC"; what no calendar has is given in seconds. */
export const moment = (seconds: bigint): string => {
  const date = new Date(Number(seconds) * 1_000)
  return Number.isNaN(date.getTime())
    ? `second ${seconds}`
    : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** A field outside its bounds. */
export const outOf = (field: string, value: bigint, minimum: bigint, maximum: bigint): Sentence => [
  `The field ${field} is ${value}: it must be from ${minimum} to ${maximum}.`,
  'Give a value inside these bounds.',
]

/** A caller who is not the one account that may do this. */
export const only = (who: string, address: string, caller: string): Sentence => [
  `Only ${who}, ${address}, may do this; ${caller} is another account.`,
  'Send it from that account.',
]
