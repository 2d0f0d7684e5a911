import { mailboxPost } from '@decloud/protocol'
import { type Hex, keccak256, toHex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Local, startLocal, TENANT } from '../../chain/test/local.ts'
import { checkCollect, checkPost, judgeMailbox, waitingLease } from '../src/domain/mailbox.ts'
import { getJson, type Harness, makeHarness } from './harness.ts'

let local: Local
let harness: Harness
beforeAll(async () => {
  local = await startLocal()
  await local.register()
  await local.fund(TENANT, 100_000_000n)
})
afterAll(() => local?.stop())
beforeEach(async () => {
  harness = await makeHarness(local)
})
afterEach(() => harness.close())

const put = async (url: string, leaseId: Hex, bytes: number, older = 0, keepFor = 600) => {
  const sealed = toHex(new Uint8Array(bytes).fill(1 + (older % 200)))
  const issuedAt = Math.floor(Date.now() / 1_000) - older
  const expiresAt = issuedAt + older + keepFor
  const message = {
    ...{ leaseId, node: 1, sealedHash: keccak256(sealed) },
    ...{ issuedAt: BigInt(issuedAt), expiresAt: BigInt(expiresAt) },
  }
  const signature = await local.anvil.account(TENANT).signTypedData(mailboxPost(local.deployment, message))
  const response = await fetch(`${url}/api/mailbox/${leaseId}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ node: 1, sealed, issuedAt, expiresAt, signature }),
  })
  return { status: response.status, body: (await response.json()) as { code?: string; expiresAt?: number } }
}

describe('what a mailbox keeps', () => {
  it('outlives the keeper’s process, and no more than the time that keeper allows', async () => {
    const dataDir = harness.freshFolder()
    const first = await harness.boot({ dataDir, mailbox: { keepSeconds: 120 } })
    const leaseId = await local.open(TENANT, 1)
    await first.synced()
    const before = Math.floor(Date.now() / 1_000)
    const { status, body } = await put(first.url, leaseId, 100)
    expect(status).toBe(200)
    expect(body.expiresAt).toBeGreaterThanOrEqual(before + 120)
    expect(body.expiresAt).toBeLessThanOrEqual(before + 130)
    await first.close()
    const second = await harness.boot({ dataDir })
    await second.synced()
    expect(await getJson(`${second.url}/api/mailbox/${leaseId}`)).toMatchObject({
      status: 200,
      body: { leaseId, node: 1 },
    })
  })

  it('is bounded: so many posts an hour, so many bytes', async () => {
    const { url, synced } = await harness.boot({ mailbox: { postsPerHour: 3, maxBytes: 20_000 } })
    const ids = [await local.open(TENANT, 1), await local.open(TENANT, 1)]
    await synced()
    expect((await put(url, ids[0]!, 12_000, 50)).status).toBe(200)
    expect(await put(url, ids[1]!, 12_000, 40)).toMatchObject({ status: 503, body: { code: 'mailbox-full' } })
    // What it replaces makes room.
    expect((await put(url, ids[0]!, 16_000, 30)).status).toBe(200)
    expect((await put(url, ids[1]!, 4_000, 20)).status).toBe(200)
    expect(await put(url, ids[1]!, 100, 10)).toMatchObject({ status: 429, body: { code: 'mailbox-rate' } })
  })

  it('is nothing where the operator wants none', async () => {
    const { url, synced } = await harness.boot({ mailbox: { enabled: false } })
    const leaseId = await local.open(TENANT, 1)
    await synced()
    expect(await put(url, leaseId, 100)).toMatchObject({ status: 503, body: { code: 'mailbox-closed' } })
  })
})

describe('the rules', () => {
  const code = (work: () => unknown): string => {
    try {
      work()
      return 'none'
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  it('of time', () => {
    const post = { issuedAt: 1_000, expiresAt: 2_000, bytes: 10 }
    expect(code(() => checkPost(post, 1_999))).toBe('none')
    expect(code(() => checkPost(post, 2_000))).toBe('mailbox-expired')
    expect(code(() => checkPost(post, 700))).toBe('none')
    expect(code(() => checkPost(post, 699))).toBe('mailbox-early')
    expect(code(() => checkPost({ ...post, bytes: 16_385 }, 1_500))).toBe('mailbox-large')
    expect([699, 700, 1_300, 1_301].map((now) => code(() => checkCollect(1_000, now)))).toEqual([
      ...['mailbox-stale', 'none', 'none', 'mailbox-stale'],
    ])
  })
  it('of room', () => {
    const limits = { keepSeconds: 1, maxBytes: 100, postsPerHour: 2 }
    expect(code(() => judgeMailbox({ bytes: 60, postsThisHour: 1 }, 40, limits))).toBe('none')
    expect(code(() => judgeMailbox({ bytes: 60, postsThisHour: 1 }, 41, limits))).toBe('mailbox-full')
    expect(code(() => judgeMailbox({ bytes: 0, postsThisHour: 2 }, 1, limits))).toBe('mailbox-rate')
  })
  it.each([
    [undefined, 'lease-unknown'],
    ['Requested', 'mailbox-lease-state'],
    ['Active', 'mailbox-lease-state'],
    ['Ended', 'mailbox-lease-state'],
    ['Assigned', 'none'],
  ] as const)('of the lease: %s', (status, expected) => {
    const lease =
      status === undefined
        ? undefined
        : ({ leaseId: '0x1', status, node: 1, tenant: local.anvil.account(TENANT).address } as const)
    expect(code(() => waitingLease(lease, '0x1', 1))).toBe(expected)
    if (expected === 'none') expect(code(() => waitingLease(lease, '0x1', 2))).toBe('mailbox-node')
  })
})
