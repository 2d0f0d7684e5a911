// A lease that names no node: opened, assigned, and only then told what to run, through a keeper or on chain.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type LeaseView, leaseEscrowAbi, mailboxCollect, mailboxPost, type Terms } from '@decloud/protocol'
import { bytesToHex, type Hex, keccak256, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../agent/test/helpers/node.ts'
import { openForAnyNode, postOnChain, postToMailbox, sealFor, signPost } from '../../scripts/lib/any-node.ts'
import { closeLease, makeTenant, readLease, type Tenant } from '../../scripts/lib/tenant.ts'
import { ROLES } from '../world/market.ts'
import { startWorld, type World } from '../world/world.ts'

let world: World
let tenant: Tenant
beforeAll(async () => {
  world = await startWorld({ hypervisor: 'simulated', scheduler: false })
  tenant = await makeTenant({
    rpcUrls: [world.anvil.rpcUrl],
    deployment: world.deployment,
    account: world.anvil.account(ROLES.tenant),
  })
})
afterAll(async () => {
  await tenant?.close()
  await world?.close()
})

const MANIFEST = {
  version: 1,
  image: 'debian-12',
  hostname: 'anywhere',
  sshKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDCrFn2oZjmbMZ2CEdZHGVZIX1V2r7pP3NJIJg9HjGq3 me@host'],
  passwordHash: null,
  variables: {},
} as const
const SMALL = { vcpus: 1, tier: 1, bandwidth: 1, gpus: 0, memoryMiB: 512, diskGiB: 3 }
const NODE = 1

const assign = async (terms: Terms, leaseId: Hex) => {
  try {
    const hash = await world.anvil.wallet(ROLES.keeper).writeContract({
      ...{ address: world.deployment.leaseEscrow, abi: leaseEscrowAbi },
      ...{ functionName: 'assign', args: [terms, NODE] },
    })
    await world.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  } catch (error) {
    // The keeper schedules too, and may have been first.
    if ((await readLease(tenant, leaseId)).status !== 'Assigned') throw error
  }
}
const open = async () => {
  const lease = await openForAnyNode(tenant, {
    ...{ resources: SMALL, manifest: { ...MANIFEST, sshKeys: [...MANIFEST.sshKeys] } },
    maxPricePerHour: 1_000_000n,
  })
  expect(await readLease(tenant, lease.leaseId)).toMatchObject({ status: 'Requested' })
  return lease
}
const assigned = async () => {
  const lease = await open()
  await assign(lease.terms, lease.leaseId)
  await world.keeper.synced()
  return lease
}
const agent = () => world.nodes[0]!.agent()
const done = async (leaseId: Hex) => {
  await closeLease(tenant, leaseId)
  await until(agent(), leaseId, (vm) => vm.status === 'Deleted')
}
const url = () => world.keeper.url

describe('a lease assigned after it was signed', () => {
  it('boots with the manifest that its tenant left at a keeper', async () => {
    const { leaseId, payload } = await assigned()
    const waiting = await until(agent(), leaseId, (vm) => vm.reason?.code === 'awaiting-manifest')
    expect(waiting.refused).toBe(false)
    const sealed = await sealFor(tenant, leaseId, NODE, payload)
    const entry = await postToMailbox(url(), leaseId, await signPost(tenant, { leaseId, node: NODE, sealed }))
    expect(entry).toMatchObject({ leaseId, node: NODE, sealedHash: keccak256(sealed) })
    await until(agent(), leaseId, (vm) => vm.status === 'Running')
    expect((await readLease(tenant, leaseId)).status).toBe('Active')
    await done(leaseId)
  })

  it('boots with one posted on chain, without any keeper', async () => {
    const { leaseId, payload, terms } = await assigned()
    await until(agent(), leaseId, (vm) => vm.reason?.code === 'awaiting-manifest')
    const sealed = await sealFor(tenant, leaseId, NODE, payload)
    await postOnChain(tenant, { leaseId, sealed, commitment: terms.manifestHash })
    await until(agent(), leaseId, (vm) => vm.status === 'Running')
    await done(leaseId)
  })

  it('takes no manifest but the one that was signed, wherever it comes from', async () => {
    const { leaseId, payload, terms } = await assigned()
    const other = await openForAnyNode(tenant, {
      ...{ resources: SMALL, maxPricePerHour: 1_000_000n },
      manifest: { ...MANIFEST, hostname: 'evil', sshKeys: [...MANIFEST.sshKeys] },
    })
    // Sealed for this lease and this node, by its tenant, in the mailbox and on chain: and yet not what was signed.
    const wrong = await sealFor(tenant, leaseId, NODE, other.payload)
    const first = Math.floor(Date.now() / 1_000) - 10
    await postToMailbox(url(), leaseId, await signPost(tenant, { leaseId, node: NODE, sealed: wrong }, first))
    await postOnChain(tenant, { leaseId, sealed: wrong, commitment: terms.manifestHash })
    const waiting = await until(agent(), leaseId, (vm) => /does not fit/.test(vm.reason?.message ?? ''))
    expect(waiting).toMatchObject({ refused: false, image: null, reason: { code: 'awaiting-manifest' } })
    // The right one replaces it.
    const right = await sealFor(tenant, leaseId, NODE, payload)
    await postToMailbox(url(), leaseId, await signPost(tenant, { leaseId, node: NODE, sealed: right }))
    await until(agent(), leaseId, (vm) => vm.status === 'Running')
    await done(leaseId)
    await closeLease(tenant, other.leaseId)
  })
})

describe('scripts/lease.ts open --any-node', () => {
  const files = new AsyncDisposableStack()
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decloud-any-node-'))
    files.defer(() => rm(folder, { recursive: true, force: true }))
    await writeFile(join(folder, 'deployment.json'), JSON.stringify(world.deployment))
    await writeFile(join(folder, 'id.pub'), `${MANIFEST.sshKeys[0]}\n`)
  })
  afterAll(() => files.disposeAsync())

  const lease = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        ...['scripts/lease.ts', ...args, '--json', '--deployment', join(folder, 'deployment.json')],
        ...['--rpc', world.anvil.rpcUrl, '--state', join(folder, 'state')],
      ],
      {
        env: {
          ...process.env,
          DECLOUD_KEY: bytesToHex(world.anvil.account(ROLES.tenant).getHdKey().privateKey!),
        },
        timeout: 60_000,
      },
    )
    return JSON.parse(stdout) as { leaseId: Hex; startedAt?: number }
  }
  const open = (...args: string[]) =>
    lease(
      ...['open', '--any-node', '--max-price', '0.5', '--memory', '512', '--disk', '3'],
      ...['--ssh-key', join(folder, 'id.pub'), ...args],
    )
  const kept = () => readdir(join(folder, 'state'))

  it('keeps the manifest, waits for a node, leaves it at the keeper and follows the machine', async () => {
    await world.keeper.synced()
    expect(world.keeper.ledger.leases({ limit: 1, status: 'Requested' }).leases).toEqual([])
    const command = open('--region', 'eu-west', '--keeper', url())
    // Awaited below; a failure before that is that of this test.
    command.catch(() => undefined)
    let found: LeaseView | undefined
    await expect
      .poll(
        () => {
          found = world.keeper.ledger.leases({ limit: 1, status: 'Requested' }).leases[0]
          return found?.status
        },
        { timeout: 30_000 },
      )
      .toBe('Requested')
    expect(await kept()).toEqual([`${found!.leaseId}.manifest`])
    await assign(found!.terms, found!.leaseId)
    const answer = await command
    expect(answer.leaseId).toBe(found!.leaseId)
    expect(answer.startedAt).toBeGreaterThan(0)
    expect(await kept()).toEqual([])
    await done(answer.leaseId)
  })

  it('takes up with `post` what an interrupted open left, on chain where there is no keeper', async () => {
    const { leaseId } = await open('--no-wait')
    await world.keeper.synced()
    await assign(world.keeper.ledger.lease(leaseId)!.terms, leaseId)
    const { startedAt } = await lease('post', leaseId)
    expect(startedAt).toBeGreaterThan(0)
    await expect(lease('post', leaseId)).rejects.toMatchObject({
      stderr: expect.stringContaining('is not kept in'),
    })
    await done(leaseId)
  })
})

describe('the mailbox', () => {
  const send = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${url()}/api/mailbox/${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as { code?: string; sealed?: Hex } }
  }
  const refused = async (answer: ReturnType<typeof send>, status: number, code: string) =>
    expect(await answer).toMatchObject({ status, body: { code } })
  const now = () => Math.floor(Date.now() / 1_000)
  const collect = async (leaseId: Hex, signer: number, change: { node?: number; issuedAt?: number } = {}) => {
    const { node = NODE, issuedAt = now() } = change
    const typed = mailboxCollect(world.deployment, { leaseId, node, issuedAt: BigInt(issuedAt) })
    const signature = await world.anvil.account(signer).signTypedData(typed)
    return { node, issuedAt, signature }
  }

  it('takes a post from the tenant of an assigned lease, for its node, and from nobody else', async () => {
    const waiting = await open()
    const { leaseId } = await assigned()
    const sealed = toHex(new Uint8Array(64).fill(7))
    const good = await signPost(tenant, { leaseId, node: NODE, sealed })
    const thief = { chain: tenant.chain, account: world.anvil.account(ROLES.stranger) }
    const stolen = await signPost(thief, { leaseId, node: NODE, sealed })
    await refused(send('PUT', leaseId, stolen), 403, 'mailbox-not-tenant')
    await refused(send('PUT', leaseId, { ...good, sealed: `${sealed}00` }), 403, 'mailbox-not-tenant')
    // A good signature over one lease, at another of the same tenant.
    await refused(send('PUT', waiting.leaseId, good), 409, 'mailbox-lease-state')
    const twin = await assigned()
    await refused(send('PUT', twin.leaseId, good), 403, 'mailbox-not-tenant')
    await refused(send('PUT', `0x${'9'.repeat(64)}`, good), 404, 'lease-unknown')
    const elsewhere = await signPost(tenant, { leaseId, node: NODE + 1, sealed })
    await refused(send('PUT', leaseId, elsewhere), 409, 'mailbox-node')
    const large = await signPost(tenant, { leaseId, node: NODE, sealed: `0x${'ab'.repeat(16_385)}` })
    await refused(send('PUT', leaseId, large), 400, 'request-invalid')
    const old = await signPost(tenant, { leaseId, node: NODE, sealed }, now() - 2 * 86_400)
    await refused(send('PUT', leaseId, old), 422, 'mailbox-expired')
    const early = await signPost(tenant, { leaseId, node: NODE, sealed }, now() + 3_600)
    await refused(send('PUT', leaseId, early), 422, 'mailbox-early')
    await refused(send('GET', leaseId), 404, 'mailbox-empty')

    expect(await send('PUT', leaseId, good)).toMatchObject({ status: 200 })
    expect(await send('PUT', leaseId, good)).toMatchObject({ status: 200 })
    const before = await signPost(tenant, { leaseId, node: NODE, sealed: '0x1234' }, good.issuedAt - 5)
    await refused(send('PUT', leaseId, before), 409, 'mailbox-superseded')
    await Promise.all([waiting, twin].map(({ leaseId: id }) => closeLease(tenant, id)))
    await done(leaseId)
    await world.keeper.synced()
    await refused(send('PUT', leaseId, good), 409, 'mailbox-lease-state')
  })

  it('hands the bytes to the agent of the node, and to nobody else', async () => {
    const { leaseId } = await assigned()
    const sealed = toHex(new Uint8Array(80).fill(9))
    await postToMailbox(url(), leaseId, await signPost(tenant, { leaseId, node: NODE, sealed }))
    const seen = await send('GET', leaseId)
    expect(seen.body).toMatchObject({ leaseId, node: NODE, sealedHash: keccak256(sealed) })
    expect(JSON.stringify(seen.body)).not.toContain(sealed.slice(2))
    const path = `${leaseId}/collect`
    for (const signer of [ROLES.stranger, ROLES.tenant, ROLES.firstOperator]) {
      await refused(send('POST', path, await collect(leaseId, signer)), 403, 'mailbox-not-agent')
    }
    const late = await collect(leaseId, ROLES.firstAgent, { issuedAt: now() - 600 })
    await refused(send('POST', path, late), 401, 'mailbox-stale')
    const other = await collect(leaseId, ROLES.firstAgent, { node: NODE + 1 })
    await refused(send('POST', path, other), 409, 'mailbox-node')
    const good = await collect(leaseId, ROLES.firstAgent)
    expect(await send('POST', path, good)).toMatchObject({ status: 200, body: { sealed } })
    // Signed for another lease.
    const twin = await assigned()
    await refused(send('POST', `${twin.leaseId}/collect`, good), 403, 'mailbox-not-agent')
    const typed = mailboxPost(world.deployment, {
      ...{ leaseId, node: NODE, sealedHash: keccak256(sealed) },
      ...{ issuedAt: 1n, expiresAt: 2n },
    })
    const confused = { ...good, signature: await world.anvil.account(ROLES.firstAgent).signTypedData(typed) }
    await refused(send('POST', path, confused), 403, 'mailbox-not-agent')
    await closeLease(tenant, twin.leaseId)
    await done(leaseId)
  })
})
