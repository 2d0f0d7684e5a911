// Whatever a wallet, an RPC or a contract threw → one error with a sentence that says what to do.
import { leaseDeskAbi } from '@decloud/protocol/abi/index'
import { DecloudError } from '@decloud/protocol/errors'
import { refusalOf } from '@decloud/protocol/refusals/index'
import { BaseError, ContractFunctionRevertedError, decodeErrorResult } from 'viem'
import { memory, moment, usdc, usdcUp } from './format.ts'

type Args = readonly unknown[]
const big = (args: Args, i: number) => BigInt(args[i] as bigint | number)

// What the tenant reads for a revert of LeaseEscrow. The others have the sentence of the protocol.
const REVERTS: Readonly<Record<string, (args: Args) => DecloudError>> = {
  LeaseEscrow_NotTenant: () =>
    new DecloudError('not-tenant', 'This lease belongs to another account.', {
      hint: 'Switch to the account that opened it.',
    }),
  LeaseEscrow_AlreadyOpened: () =>
    new DecloudError('lease-exists', 'Exactly this lease is open already.', {
      hint: 'Find it under My leases.',
    }),
  LeaseEscrow_WrongStatus: () =>
    new DecloudError('lease-moved-on', 'The lease is no longer in a state that allows this.', {
      hint: 'Look at its timeline: it has moved on since.',
    }),
  LeaseEscrow_NodeNotActive: () =>
    new DecloudError('node-draining', 'This node takes no new leases.', { hint: 'Choose another node.' }),
  LeaseEscrow_PriceAboveMaximum: (args) =>
    new DecloudError(
      'price-moved',
      `The node now asks ${usdc(big(args, 1), 4)} USDC an hour, more than the ${usdc(big(args, 2), 4)} you agreed to.`,
      { hint: 'Go back and confirm the new price, or choose another node.' },
    ),
  LeaseEscrow_NoCapacity: (args) =>
    new DecloudError('node-full', `The node has too little ${resourceName(String(args[1]))} free.`, {
      hint: `It was asked for ${amountOf(args, 2)} and has ${amountOf(args, 3)}. Choose a smaller size or another node.`,
    }),
  LeaseEscrow_NoticeTooShort: () =>
    new DecloudError('notice-shortened', 'The node has shortened its notice period since you looked.', {
      hint: 'Go back to see its present terms.',
    }),
  Guard_Paused: (args) =>
    new DecloudError(
      'paused',
      `New leases and top-ups are paused until ${moment(Number(args[0]))}. Machines go on running.`,
      { hint: 'Try again then. Closing a lease and withdrawing work all the time.' },
    ),
  LeaseEscrow_DepositTooSmall: (args) =>
    new DecloudError('deposit-small', `A deposit must be at least ${usdcUp(big(args, 1))} USDC here.`, {
      hint: 'Pay for a longer time.',
    }),
  LeaseEscrow_DepositTooLarge: (args) =>
    new DecloudError('deposit-large', `A lease holds at most ${usdc(big(args, 1))} USDC.`, {
      hint: 'Pay for a shorter time; you can top up later.',
    }),
  Ledger_BalanceTooLow: (args) =>
    shortBalance('Your DeCloud balance', big(args, 1), big(args, 2), 'Pay from your wallet instead.'),
  Ledger_BadRecipient: () =>
    new DecloudError('recipient-refused', 'Money cannot be sent to this address.', {
      hint: 'Use an account of your own.',
    }),
}

// The names are those of `LeaseDesk._requireFree`.
const resourceName = (resource: string) =>
  ({ compute: 'CPU', memory: 'memory', disk: 'disk', gpu: 'GPUs' })[resource] ?? resource
const amountOf = (args: Args, i: number) => {
  const resource = String(args[1])
  if (resource === 'memory') return memory(big(args, i))
  if (resource === 'disk') return `${args[i]} GiB`
  return resource === 'compute' ? `${(Number(args[i]) / 12).toFixed(2)} points` : String(args[i])
}

/** The sentence for too little money, with what is missing rounded up so that adding it suffices. */
export const shortBalance = (whose: string, balance: bigint, needed: bigint, hint: string) =>
  new DecloudError(
    'balance-short',
    `${whose} holds ${usdc(balance)} USDC, this needs ${usdcUp(needed)}: ${usdcUp(needed - balance)} USDC are missing.`,
    { hint },
  )

export const wrongNetwork = (expected: string, cause?: unknown) =>
  new DecloudError('network-wrong', `Your wallet is on another network than ${expected}.`, {
    hint: `Switch it to ${expected} and try again.`,
    cause,
  })

export const gasMissing = (symbol: string, chain: string, cause?: unknown) =>
  new DecloudError(
    'gas-missing',
    `Your account holds too little ${symbol} to pay the network fee on ${chain}.`,
    {
      hint: `Send a little ${symbol} to it; a fraction of a cent's worth is enough for a transaction.`,
      cause,
    },
  )

const rejected = (cause: unknown) =>
  new DecloudError('wallet-rejected', 'You declined in your wallet. Nothing was sent and nothing was paid.', {
    hint: 'Try again when you are ready.',
    cause,
  })

const NAMED: Readonly<Record<string, (error: Error, context: ErrorContext) => DecloudError>> = {
  UserRejectedRequestError: rejected,
  ChainMismatchError: (error, context) => wrongNetwork(context.chain, error),
  InsufficientFundsError: (error, context) => gasMissing(context.symbol, context.chain, error),
  WaitForTransactionReceiptTimeoutError: (error) =>
    new DecloudError('transaction-pending', 'The network has not included the transaction yet.', {
      hint: 'It may still be. Check again in a moment; nothing is sent twice.',
      cause: error,
    }),
  HttpRequestError: (error) => unreachable(error),
  TimeoutError: (error) => unreachable(error),
}

const unreachable = (cause: unknown) =>
  new DecloudError('rpc-unreachable', 'The network node (RPC) does not answer.', {
    hint: 'Check your connection. Your leases keep running meanwhile.',
    cause,
  })

export type ErrorContext = { chain: string; symbol: string }

/** Never throws. An error unknown here keeps its own shortest message. */
export const explain = (error: unknown, context: ErrorContext): DecloudError => {
  if (error instanceof DecloudError) return error
  const chain = causes(error)
  for (const cause of chain) {
    if (cause instanceof ContractFunctionRevertedError) {
      const { errorName: name, args } = cause.data ?? ofDesk(cause)
      const known = REVERTS[name]
      if (known !== undefined) return known(args ?? [])
      const refusal = refusalOf(name, args ?? [])
      if (refusal !== undefined) {
        return new DecloudError('reverted', refusal.message, { hint: refusal.hint, cause: error })
      }
      return new DecloudError(
        'reverted',
        `The contract refused this: ${cause.reason ?? (name || cause.shortMessage)}.`,
        {
          hint: 'Reload the page to see the present state.',
          cause: error,
        },
      )
    }
    const named = NAMED[cause.name]
    if (named !== undefined) return named(cause, context)
    // Wallets that do not wrap their refusal: EIP-1193 says 4001.
    if ('code' in cause && cause.code === 4_001) return rejected(error)
  }
  const first = chain[0]
  return new DecloudError(
    'unexpected',
    first instanceof BaseError ? first.shortMessage : (first?.message ?? String(error)),
    { hint: 'Try again; nothing is sent twice.', cause: error },
  )
}

/** A refusal of the desk comes through the escrow, whose ABI does not name it. */
const ofDesk = ({ raw }: ContractFunctionRevertedError): { errorName: string; args: Args } => {
  try {
    const { errorName, args } = decodeErrorResult({ abi: leaseDeskAbi, data: raw ?? '0x' })
    return { errorName, args: args ?? [] }
  } catch {
    // Not the desk's either: the caller says what little is known.
    return { errorName: '', args: [] }
  }
}

const MAX_CAUSES = 12
const causes = (error: unknown): Error[] => {
  const found: Error[] = []
  for (let at = error; at instanceof Error || isRpcError(at); at = (at as Error).cause) {
    if (found.length === MAX_CAUSES) break
    found.push(at as Error)
  }
  return found
}
// EIP-1193 providers may throw plain objects.
const isRpcError = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'code' in value && 'message' in value
