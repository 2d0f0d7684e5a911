// A new lease takes over the disk of an ended one: by its tenant's signature, and nobody else's.
import { readFile } from 'node:fs/promises'
import { leaseAccessAbi, mockUSDCAbi } from '@decloud/protocol'
import { encodeFunctionData, type Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeLease, makeTenant, openLease } from '../../../scripts/lib/tenant.ts'
import { ROLES } from '../../../test/world/market.ts'
import { type Bench, MANIFEST, makeBench, SMALL_VM, until } from '../helpers/node.ts'
import { type OrderNode, postTo, signedBy, startOrderNode } from '../helpers/orders.ts'

let bench: Bench
let node: OrderNode
beforeAll(async () => {
  bench = await makeBench({ faults: { bootMs: 50 } })
  node = await startOrderNode(bench)
})
afterAll(async () => {
  await node?.close()
  await bench?.close()
})

const running = async (diskGiB = SMALL_VM.diskGiB) => {
  const leaseId = await bench.open({ resources: { ...SMALL_VM, diskGiB } })
  await until(node, leaseId, (vm) => vm.status === 'Running')
  return leaseId
}
const gone = async (leaseId: Hex) => {
  await closeLease(bench.tenant, leaseId)
  await until(node, leaseId, (vm) => vm.status === 'Deleted')
}
const restore = async (
  leaseId: Hex,
  from: Hex,
  account = bench.tenant.account as ReturnType<Bench['anvil']['account']>,
) => {
  const body = await signedBy(bench, account, { leaseId, action: 'Restore', from })
  return { body, answer: await postTo(node.url, `/v1/leases/${leaseId}/orders`, body) }
}
const disksOf = async (leaseId: Hex) => {
  const mine = (await node.context.deps.disks.list()).filter((disk) => disk.leaseId === leaseId)
  const used = mine.find(({ quarantinedAt }) => quarantinedAt === null)
  const contents = used === undefined ? null : JSON.parse(await readFile(used.path, 'utf8'))
  return { id: contents?.id ?? null, sizeGiB: contents?.sizeGiB ?? 0, count: mine.length }
}

describe('a disk of an ended lease', () => {
  it('comes back under a new lease of the same tenant, and the agent may go down on the way', async () => {
    const old = await running()
    const { id } = await disksOf(old)
    await gone(old)
    const leaseId = await running(SMALL_VM.diskGiB + 1)
    expect((await disksOf(leaseId)).id).not.toBe(id)
    const { body, answer } = await restore(leaseId, old)
    expect(answer).toMatchObject({ status: 202 })
    await node.close()
    node = await startOrderNode(bench)
    await until(
      node,
      leaseId,
      (vm) => vm.served.restoreMs === body.issuedAt && vm.status === 'Running' && vm.task === null,
    )
    expect(await disksOf(leaseId)).toEqual({ id, sizeGiB: SMALL_VM.diskGiB + 1, count: 2 })
    expect(await disksOf(old)).toEqual({ id: null, sizeGiB: 0, count: 0 })
    // It is there no more: said, and nothing done.
    const again = await restore(leaseId, old)
    expect(again.answer).toMatchObject({ status: 202 })
    const vm = await until(node, leaseId, (now) => now.served.restoreMs === again.body.issuedAt)
    expect(vm.reason?.code).toBe('nothing-to-restore')
    expect((await disksOf(leaseId)).id).toBe(id)
    await gone(leaseId)
  })

  it('is not given to a lease that is too small, nor from one that lives, nor from one unknown', async () => {
    const large = await running(SMALL_VM.diskGiB + 2)
    const leaseId = await running()
    const said = async (from: Hex) => (await restore(leaseId, from)).answer
    expect(await said(large)).toMatchObject({ status: 409, code: 'restore-unfit' })
    await gone(large)
    expect((await said(large)).body['detail']).toContain('room for 3')
    expect((await said(`0x${'ab'.repeat(32)}`)).code).toBe('restore-unfit')
    expect((await said(leaseId)).code).toBe('restore-unfit')
    expect(node.wish(leaseId).restoreAtMs).toBe(0)
    await gone(leaseId)
  })

  it('is never given to another tenant', async () => {
    const old = await running()
    await gone(old)
    const account = bench.anvil.account(ROLES.stranger)
    const hash = await bench.anvil.wallet(ROLES.deployer).writeContract({
      ...{ address: bench.deployment.usdc, abi: mockUSDCAbi },
      ...{ functionName: 'mint', args: [account.address, 10n ** 9n] },
    })
    await bench.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
    const { rpcUrls, deployment } = bench.config
    const stranger = await makeTenant({ rpcUrls, deployment, account })
    try {
      const { leaseId } = await openLease(stranger, {
        ...{ node: bench.registered.node, resources: SMALL_VM, manifest: MANIFEST },
      })
      await until(node, leaseId, (vm) => vm.status === 'Running')
      // Not even when the old tenant is a Manager of the stranger's lease, and signs.
      const args = [leaseId, bench.tenant.account.address, 3] as const
      const data = encodeFunctionData({ abi: leaseAccessAbi, functionName: 'grant', args })
      await stranger.journal.send({ kind: 'grant', dedupe: 'grant', to: deployment.leaseAccess!, data })
      expect((await restore(leaseId, old, account)).answer).toMatchObject({ code: 'restore-unfit' })
      expect((await restore(leaseId, old)).answer).toMatchObject({ code: 'restore-unfit' })
      expect((await disksOf(old)).count).toBe(1)
      await closeLease(stranger, leaseId)
    } finally {
      await stranger.close()
    }
  })
})
