import { concat, encodeAbiParameters, type Hex, hashTypedData, keccak256, stringToHex, zeroHash } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { leaseAccessAbi } from './abi/index.ts'
import {
  checkOrderTimes,
  ORDER_ACTIONS,
  ORDER_LIFE,
  type Order,
  type OrderScope,
  orderActionOf,
  orderCodeOf,
  orderTypedData,
} from './order.ts'
import { closeBodySchema, orderBodySchema } from './wire/order.ts'

const tenant = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const scope: OrderScope = { chainId: 137, leaseEscrow: '0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359' }
const leaseId: Hex = `0x${'ab'.repeat(32)}`
const issuedAt = 1_790_000_000_123
const order: Order = {
  ...{ leaseId, node: 7, action: 'Reboot', from: null },
  ...{ issuedAt, notAfter: 1_790_000_600 },
}

/** EIP-712 by hand: type hashes, words, 0x1901. */
const digestOf = (of: Order): Hex => {
  const text = (value: string) => keccak256(stringToHex(value))
  const words = (types: readonly string[], values: readonly unknown[]) =>
    keccak256(
      encodeAbiParameters(
        types.map((type) => ({ type })),
        values,
      ),
    )
  const domain = words(
    ['bytes32', 'bytes32', 'bytes32', 'uint256', 'address'],
    [
      text('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
      text('DeCloud Orders'),
      text('1'),
      BigInt(scope.chainId),
      scope.leaseEscrow,
    ],
  )
  const struct = words(
    ['bytes32', 'bytes32', 'uint32', 'bytes32', 'bytes32', 'uint64', 'uint64'],
    [
      text('Order(bytes32 leaseId,uint32 node,string action,bytes32 from,uint64 issuedAt,uint64 notAfter)'),
      of.leaseId,
      of.node,
      text(of.action),
      of.from ?? zeroHash,
      BigInt(of.issuedAt),
      BigInt(of.notAfter),
    ],
  )
  return keccak256(concat(['0x1901', domain, struct]))
}

describe('an order', () => {
  it('is hashed as EIP-712 says, whatever its fields', () => {
    for (const action of ORDER_ACTIONS) {
      for (const from of [null, `0x${'cd'.repeat(32)}`] as const) {
        const one = { ...order, action, from }
        expect(hashTypedData(orderTypedData(scope, one))).toBe(digestOf(one))
      }
    }
  })

  it('has the digest and the signature that it always had', async () => {
    expect(hashTypedData(orderTypedData(scope, order))).toBe(
      '0xcad34eabcea5c19c3f97eef025349d952be69743fd8073dc284aa49635df42ea',
    )
    expect(await tenant.signTypedData(orderTypedData(scope, order))).toBe(
      '0x6d66a0ab95abcf8d77ee3986f5a7f3158c136c33f2391c20c0f3137a0762059230d4e3132c6a806c0efdfe32932b681ce1bb030f6def6199446e73031935e86f1b',
    )
  })

  it('is bound to every one of its fields, to the chain and to the escrow', () => {
    const changes: Partial<Order>[] = [
      { leaseId: zeroHash },
      { node: 8 },
      { action: 'Reinstall' },
      { from: leaseId },
      { issuedAt: issuedAt + 1 },
      { notAfter: order.notAfter + 1 },
    ]
    const scopes = [scope, { ...scope, chainId: 80_002 }, { ...scope, leaseEscrow: tenant.address }]
    const all = [
      ...scopes.map((other) => orderTypedData(other, order)),
      ...changes.map((change) => orderTypedData(scope, { ...order, ...change })),
    ].map((typed) => hashTypedData(typed))
    expect(new Set(all).size).toBe(all.length)
  })

  it('names its actions as the contract does', () => {
    // The enum of the ABI is a uint8: None is 0, and the five follow in this order.
    expect(ORDER_ACTIONS.map(orderCodeOf)).toEqual([1, 2, 3, 4, 5])
    expect([0, 1, 2, 3, 4, 5, 6].map(orderActionOf)).toEqual([null, ...ORDER_ACTIONS, null])
    const event = leaseAccessAbi.find((item) => item.type === 'event' && item.name === 'Ordered')
    expect(event?.inputs.at(-1)).toMatchObject({ internalType: 'enum ILeaseAccess.Order' })
  })
})

describe('the times of an order', () => {
  const times = (issued: number, notAfter: number, nowMs: number) =>
    checkOrderTimes({ ...order, issuedAt: issued, notAfter }, nowMs)
  const refused = (code: string) => expect.objectContaining({ code })
  const last = Math.floor(issuedAt / 1_000) + ORDER_LIFE

  it('hold from five minutes before the issue to the end that was signed', () => {
    times(issuedAt, last, issuedAt)
    times(issuedAt, last, issuedAt - 5 * 60_000)
    times(issuedAt, last, last * 1_000 - 1)
    expect(() => times(issuedAt, last, issuedAt - 5 * 60_000 - 1)).toThrow(refused('order-early'))
    expect(() => times(issuedAt, last, last * 1_000)).toThrow(refused('order-expired'))
    expect(() => times(issuedAt, last + 1, issuedAt)).toThrow(refused('order-too-long'))
  })
})

describe('on the wire', () => {
  const { leaseId: _, ...fields } = order
  const body = { ...fields, signer: tenant.address.toLowerCase(), signature: `0x${'ab'.repeat(65)}` }

  it('an order is whole, and nothing beside', () => {
    const { from: __, ...without } = body
    expect(orderBodySchema.parse(without)).toEqual({ ...body, signer: tenant.address })
    const bad: object[] = [
      { action: 'Explode' },
      { action: 'None' },
      { from: leaseId },
      { from: '0x1' },
      { node: 0 },
      { node: 2 ** 32 },
      { node: 1.5 },
      { issuedAt: -1 },
      { issuedAt: '1' },
      { notAfter: 2 ** 41 },
      { signer: '0x12' },
      { signature: '0xabc' },
      { signature: `0x${'ab'.repeat(2_049)}` },
      { extra: 1 },
    ]
    for (const change of bad) {
      expect(orderBodySchema.safeParse({ ...body, ...change }).success, JSON.stringify(change)).toBe(false)
    }
    expect(orderBodySchema.safeParse({ ...body, action: 'Restore', from: leaseId }).success).toBe(true)
  })

  it('a close carries big numbers as text', () => {
    const close = { to: tenant.address, nonce: `${2n ** 255n}`, deadline: '1790000000', signature: '0x' }
    expect(closeBodySchema.parse(close)).toMatchObject({ nonce: 2n ** 255n, deadline: 1_790_000_000n })
    expect(closeBodySchema.safeParse({ ...close, nonce: `${2n ** 256n}` }).success).toBe(false)
    expect(closeBodySchema.safeParse({ ...close, leaseId }).success).toBe(false)
  })
})
