import { leaseDeskAbi, leaseEscrowAbi } from '@decloud/protocol/abi/index'
import {
  BaseError,
  ContractFunctionRevertedError,
  encodeErrorResult,
  InsufficientFundsError,
  parseAbi,
  UserRejectedRequestError,
} from 'viem'
import { describe, expect, it } from 'vitest'
import { explain, shortBalance } from '../src/data/errors.ts'

const CONTEXT = { chain: 'Polygon', symbol: 'POL' }
const wrapped = (cause: Error) => new BaseError('outer', { cause })

const reverted = (data: `0x${string}`) =>
  wrapped(new ContractFunctionRevertedError({ abi: leaseEscrowAbi, data, functionName: 'open' }))

describe('sentences for what wallets and networks throw', () => {
  it('tells a declined signature apart, wrapped or bare', () => {
    for (const error of [
      wrapped(new UserRejectedRequestError(new Error('no'))),
      Object.assign(new Error('denied'), { code: 4_001 }),
      { code: 4_001, message: 'denied' },
    ]) {
      expect(explain(error, CONTEXT).code).toBe('wallet-rejected')
    }
    expect(explain(wrapped(new UserRejectedRequestError(new Error('no'))), CONTEXT).sentence).toBe(
      'You declined in your wallet. Nothing was sent and nothing was paid. Try again when you are ready.',
    )
  })

  it('names the coin that is missing for gas', () => {
    const error = explain(wrapped(new InsufficientFundsError()), CONTEXT)
    expect(error.sentence).toContain('too little POL to pay the network fee on Polygon')
  })

  it('reads figures out of a revert of the escrow', () => {
    const lease = `0x${'11'.repeat(32)}` as const
    const price = encodeErrorResult({
      abi: leaseEscrowAbi,
      errorName: 'LeaseEscrow_PriceAboveMaximum',
      args: [lease, 40_000n, 33_667n],
    })
    expect(explain(reverted(price), CONTEXT).sentence).toBe(
      'The node now asks 0.0400 USDC an hour, more than the 0.0337 you agreed to. Go back and confirm the new price, or choose another node.',
    )
    const full = encodeErrorResult({
      abi: leaseEscrowAbi,
      errorName: 'LeaseEscrow_NoCapacity',
      args: [1, 'memory', 8_192n, 512n],
    })
    expect(explain(reverted(full), CONTEXT).sentence).toContain('It was asked for 8 GiB and has 512 MiB.')
  })

  it('names a pause, which the desk refuses through the escrow', () => {
    const data = encodeErrorResult({ abi: leaseDeskAbi, errorName: 'Guard_Paused', args: [1_900_000_000n] })
    expect(explain(reverted(data), CONTEXT)).toMatchObject({
      code: 'paused',
      message: expect.stringContaining('2030'),
    })
  })

  it('has the words of the protocol for a revert that no button here is known to cause', () => {
    const data = encodeErrorResult({ abi: leaseEscrowAbi, errorName: 'Ledger_ZeroAmount' })
    expect(explain(reverted(data), CONTEXT).sentence).toBe('An amount of zero does nothing. Give an amount.')
  })

  it('keeps the name of a revert that nobody has words for', () => {
    const abi = parseAbi(['error Foreign_Reason()'])
    const data = encodeErrorResult({ abi, errorName: 'Foreign_Reason' })
    const cause = new ContractFunctionRevertedError({ abi, data, functionName: 'open' })
    expect(explain(wrapped(cause), CONTEXT).message).toContain('Foreign_Reason')
  })

  it('says how much is missing, rounded up', () => {
    expect(shortBalance('Your wallet', 500_000n, 808_008n, 'Add some.').sentence).toBe(
      'Your wallet holds 0.50 USDC, this needs 0.81: 0.31 USDC are missing. Add some.',
    )
  })

  it('survives anything', () => {
    const loop = new Error('loop')
    loop.cause = loop
    expect(explain(loop, CONTEXT).message).toBe('loop')
    expect(explain('text', CONTEXT).message).toBe('text')
    expect(explain(undefined, CONTEXT).code).toBe('unexpected')
  })
})
