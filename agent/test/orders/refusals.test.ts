// Every way in which a signed order is refused, through the real API, on a real chain.
import { leaseAccessAbi } from '@decloud/protocol'
import { ORDER_LIFE, orderTypedData } from '@decloud/protocol/order'
import type { OrderBody } from '@decloud/protocol/wire/order'
import { type Address, encodeFunctionData, type Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeLease } from '../../../scripts/lib/tenant.ts'
import { ROLES } from '../../../test/world/market.ts'
import { NO_WISH } from '../../src/domain/wish.ts'
import { type Bench, makeBench, until } from '../helpers/node.ts'
import { type OrderNode, postTo, signedBy, startOrderNode } from '../helpers/orders.ts'

/** What is told to everybody who has no say, whether there is such a lease or not. */
const UNKNOWN = { status: 404, code: 'lease-unknown' }

const VIEWER = 20
const USER = 21
const MANAGER = 22
const LEVELS = { Viewer: 1, User: 2, Manager: 3 } as const

let bench: Bench
let node: OrderNode
let leaseId: Hex
/** The node's clock, where it must not run on while a slow machine sends. */
let stands: number | null = null
beforeAll(async () => {
  bench = await makeBench({ faults: { bootMs: 50 } })
  node = await startOrderNode(bench, { nowMs: () => stands ?? Date.now() })
  leaseId = await bench.open()
  await until(node, leaseId, (vm) => vm.status === 'Running')
  await grant(bench.anvil.account(VIEWER).address, 'Viewer')
  await grant(bench.anvil.account(USER).address, 'User')
  await grant(bench.anvil.account(MANAGER).address, 'Manager')
})
afterAll(async () => {
  await node?.close()
  await bench?.close()
})

const onAccess = async (functionName: 'grant' | 'revoke', args: readonly unknown[]) => {
  const { journal, chain } = bench.tenant
  const data = encodeFunctionData({ abi: leaseAccessAbi as readonly unknown[], functionName, args })
  const to = chain.deployment.leaseAccess!
  await journal.send({ kind: functionName, dedupe: `${functionName}:${args.join()}`, to, data })
}
const grant = (account: Address, level: keyof typeof LEVELS) =>
  onAccess('grant', [leaseId, account, LEVELS[level]])

const send = (body: unknown, id: string = leaseId) => postTo(node.url, `/v1/leases/${id}/orders`, body)
const tenant = () => bench.anvil.account(ROLES.tenant)
const stop = (index: number = ROLES.tenant, nowMs?: number) =>
  signedBy(
    bench,
    bench.anvil.account(index),
    { leaseId, action: 'Stop' },
    nowMs === undefined ? {} : { nowMs },
  )
/** Signs `body` anew after a change that `signOrder` would not make. */
const resigned = async (change: Partial<OrderBody>): Promise<OrderBody> => {
  const body = { ...(await stop()), ...change }
  const typed = orderTypedData(bench.deployment, { ...body, leaseId })
  return { ...body, signature: await tenant().signTypedData(typed) }
}

describe('a signed order is refused', () => {
  it('when it is malformed, with the field that is', async () => {
    const body = await stop()
    const wrong = await send({ ...body, action: 'Explode' })
    expect(wrong).toMatchObject({ status: 400, code: 'request-invalid' })
    expect(wrong.body['errors']).toMatchObject([{ path: '/action' }])
    const named = await send({ ...body, from: leaseId })
    expect(JSON.stringify(named.body['errors'])).toContain('only a Restore')
    expect(await send('{"action":')).toMatchObject({ status: 400, code: 'request-invalid' })
    expect(await send({ ...body, signature: `0x${'00'.repeat(5_000)}` })).toMatchObject({ status: 413 })
    expect(await send(body, '0x12')).toMatchObject({ status: 400, code: 'request-invalid' })
    const typed = await fetch(`${node.url}/v1/leases/${leaseId}/orders`, { method: 'POST', body: 'x' })
    expect(typed.status).toBe(415)
  })

  it('when the lease is not here, or the order is for another node or lease', async () => {
    const other: Hex = `0x${'ab'.repeat(32)}`
    expect(await send(await stop(), other)).toMatchObject(UNKNOWN)
    const elsewhere = await signedBy(bench, tenant(), { leaseId, action: 'Stop', node: 99 })
    expect(await send(elsewhere)).toMatchObject({ status: 422, code: 'order-other-node' })
    const forAnother = await signedBy(bench, tenant(), { leaseId: other, action: 'Stop' })
    expect(await send(forAnother)).toMatchObject(UNKNOWN)
  })

  it('when its times do not hold', async () => {
    const now = Date.now()
    expect(await send(await stop(ROLES.tenant, now + 6 * 60_000))).toMatchObject({ code: 'order-early' })
    expect(await send(await stop(ROLES.tenant, now - 2 * ORDER_LIFE * 1_000))).toMatchObject({
      status: 422,
      code: 'order-expired',
    })
    const long = await resigned({ notAfter: Math.floor(now / 1_000) + ORDER_LIFE + 60 })
    expect(await send(long)).toMatchObject({ status: 422, code: 'order-too-long' })
  })

  it('when it was not signed, or something else was', async () => {
    const body = await stop()
    const strangers = (await stop(ROLES.stranger)).signature
    const changes: Partial<OrderBody>[] = [
      { signature: strangers },
      { signature: '0x' },
      { signature: `0x${'00'.repeat(65)}` },
      { action: 'Reinstall' },
      { issuedAt: body.issuedAt - 1 },
      { notAfter: body.notAfter - 1 },
    ]
    for (const change of changes) {
      expect(await send({ ...body, ...change }), JSON.stringify(change)).toMatchObject(UNKNOWN)
    }
  })

  it('by a stranger, a Viewer, a User, the agent and the operator of the node, as if there were no lease', async () => {
    const nowhere = await send(await stop(), `0x${'cd'.repeat(32)}`)
    expect(nowhere).toMatchObject(UNKNOWN)
    for (const index of [ROLES.stranger, VIEWER, USER, ROLES.firstOperator, ROLES.firstAgent]) {
      expect(await send(await stop(index)), `${index}`).toEqual(nowhere)
    }
  })

  it('and none of that has changed what the tenant wants', () => {
    expect(node.wish(leaseId)).toEqual(NO_WISH)
  })
})

describe('a signed order is taken', () => {
  it('from the tenant: with the report of the lease, and once', async () => {
    const body = await stop()
    const taken = await send(body, leaseId.toUpperCase().replace('0X', '0x'))
    expect(taken).toMatchObject({ status: 202, code: null, body: { leaseId } })
    expect(node.wish(leaseId)).toEqual({ ...NO_WISH, power: 'off' })
    expect(await send(body)).toMatchObject({ status: 409, code: 'order-replayed' })
    const older = await stop(ROLES.tenant, body.issuedAt - 1)
    expect(await send(older)).toMatchObject({ status: 409, code: 'order-replayed' })
    const start = await signedBy(bench, tenant(), { leaseId, action: 'Start' }, { nowMs: body.issuedAt + 1 })
    expect(await send(start)).toMatchObject({ status: 202 })
    expect(await send(body)).toMatchObject({ code: 'order-replayed' })
    expect(node.wish(leaseId).power).toBe('on')
  })

  it('from a Manager until the tenant revokes it', async () => {
    const manager = bench.anvil.account(MANAGER)
    expect(await send(await stop(MANAGER))).toMatchObject({ status: 202 })
    expect(node.wish(leaseId).power).toBe('off')
    await onAccess('revoke', [leaseId, manager.address])
    const start = await signedBy(bench, manager, { leaseId, action: 'Start' })
    expect(await send(start)).toMatchObject(UNKNOWN)
    expect(node.wish(leaseId).power).toBe('off')
  })

  it('of two that arrive together and are as old as each other, one', async () => {
    const nowMs = Date.now()
    const both = await Promise.all(
      (['Reboot', 'Start'] as const).map((action) =>
        signedBy(bench, tenant(), { leaseId, action }, { nowMs }),
      ),
    )
    const answers = await Promise.all(both.map((body) => send(body)))
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409])
  })

  it('from a page of any origin, because each request carries its signature', async () => {
    const preflight = await fetch(`${node.url}/v1/leases/${leaseId}/orders`, {
      method: 'OPTIONS',
      headers: { origin: 'https://any.example', 'access-control-request-method': 'POST' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST')
    expect(preflight.headers.get('access-control-allow-headers')).toContain('content-type')
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
    const headers = { 'content-type': 'application/json', origin: 'https://any.example' }
    const nowMs = Date.now() + 1
    const order = await signedBy(bench, tenant(), { leaseId, action: 'Stop' }, { nowMs })
    const sent = await fetch(`${node.url}/v1/leases/${leaseId}/orders`, {
      ...{ method: 'POST', headers, body: JSON.stringify(order) },
    })
    expect(sent.status).toBe(202)
  })
})

describe('a wallet contract (ERC-1271)', () => {
  const deploy = async (runtime: string): Promise<Address> => {
    const size = (runtime.length / 2).toString(16).padStart(2, '0')
    const data: Hex = `0x60${size}80600b6000396000f3${runtime}`
    const hash = await bench.anvil.wallet(ROLES.deployer).sendTransaction({ data })
    const receipt = await bench.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
    return receipt.contractAddress!
  }
  const YES = '631626ba7e60e01b60005260206000f3'
  const NO = '60206000f3'
  const FOR_EVER = '5b600056'

  it('gives orders as a Manager when it takes the signature, and not when it does not', async () => {
    for (const [runtime, code] of [
      [YES, null],
      [NO, 'lease-unknown'],
      [FOR_EVER, 'lease-unknown'],
    ] as const) {
      const wallet = await deploy(runtime)
      await grant(wallet, 'Manager')
      const body = await signedBy(bench, tenant(), { leaseId, action: 'Reboot' }, { wallet })
      expect((await send({ ...body, signature: '0xc0ffee' })).code, runtime).toBe(code)
    }
    expect(node.wish(leaseId).rebootAtMs).toBeGreaterThan(0)
  })

  it('without a level is not even asked', async () => {
    const wallet = await deploy(YES)
    const body = await signedBy(bench, tenant(), { leaseId, action: 'Reboot' }, { wallet })
    expect(await send(body)).toMatchObject(UNKNOWN)
  })
})

describe('too many', () => {
  it('are turned away by the minute: strangers first, and never the tenant because of them', async () => {
    const second = await bench.open()
    await until(node, second, (vm) => vm.status === 'Running')
    stands = Date.now()
    const answers = new Set<string | null>()
    for (let i = 0; i < 40; i++) {
      const body = await signedBy(bench, bench.anvil.account(ROLES.stranger), {
        leaseId: second,
        action: 'Stop',
      })
      answers.add((await send(body, second)).code)
    }
    expect([...answers]).toEqual(['lease-unknown', 'order-rate'])
    const mine = await signedBy(bench, tenant(), { leaseId: second, action: 'Stop' })
    expect(await send(mine, second)).toMatchObject({ status: 202 })
    let last = mine
    for (let i = 1; i <= 12; i++) {
      const nowMs = mine.issuedAt + i
      last = await signedBy(bench, tenant(), { leaseId: second, action: 'Reboot' }, { nowMs })
      const answer = await send(last, second)
      if (i < 12) expect(answer.status).toBe(202)
      else expect(answer).toMatchObject({ status: 429, code: 'order-rate' })
    }
    expect(node.wish(second).rebootAtMs).toBe(last.issuedAt - 1)
    stands = null
  })
})

describe('when the lease is over', () => {
  it('nobody gives orders', async () => {
    await closeLease(bench.tenant, leaseId)
    await until(node, leaseId, (vm) => vm.status === 'Deleted')
    expect(await send(await stop())).toMatchObject({ status: 409, code: 'lease-over' })
  })
})
