// Three guests side by side through everything that a tenant can ask of a machine, by the real agent on a real chain.
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { OrderAction } from '@decloud/protocol'
import type { Hex } from 'viem'
import { expect, test } from 'vitest'
import { runInGuest } from '../../scripts/lib/guest-shell.ts'
import { giveOrder } from '../../scripts/lib/orders.ts'
import { closeLease, openLease, readLease } from '../../scripts/lib/tenant.ts'
import { billOf, reportOf, waitActive } from '../../scripts/lib/tenant-view.ts'
import { until } from '../../scripts/lib/until.ts'
import { LIBVIRT } from '../world/node.ts'
import { useRealWorld } from './real-world.ts'

const NAMES = ['ada', 'bea', 'cid'] as const
const BOOT_ID = 'cat /proc/sys/kernel/random/boot_id'
const { missing, real } = await useRealWorld('three guests side by side')

const stateOf = async (leaseId: Hex): Promise<string> => {
  const run = promisify(execFile)
  const { stdout } = await run('virsh', ['-q', '-c', LIBVIRT, 'list', '--all'])
  return (
    stdout
      .split('\n')
      .find((line) => line.includes(leaseId.slice(2)))
      ?.trim()
      .split(/\s{2,}/)[2] ?? 'absent'
  )
}

/** By the tenant's own key, with the host key that the node reports pinned. */
const inGuest = async (leaseId: Hex, command: string): Promise<string> => {
  const report = await reportOf(real().tenant, real().endpoint, leaseId)
  if (report?.ssh == null) throw new Error(`no SSH line for ${leaseId}`)
  // A folder for each: known_hosts is written anew with every login.
  const folder = join(real().world.directory, leaseId)
  await mkdir(folder, { recursive: true })
  return runInGuest(folder, real().key, report.ssh, command)
}

test.skipIf(missing)(
  'create, ready, SSH, stop, start, reboot, reinstall, delete: each guest keeps what is its own, and only that',
  { timeout: 600_000 },
  async () => {
    const { world, tenant, key } = real()
    const opened: { leaseId: Hex; deposit: bigint; hostname: string }[] = []
    for (const hostname of NAMES) {
      const { leaseId, terms } = await openLease(tenant, {
        node: world.nodes[0]!.registered.node,
        resources: { vcpus: 1, tier: 1, bandwidth: 3, gpus: 0, memoryMiB: 256, diskGiB: 1 },
        hours: 1,
        holdBack: 600,
        manifest: {
          version: 1,
          image: 'tiny',
          hostname,
          sshKeys: [key.publicKey],
          passwordHash: null,
          variables: {},
        },
      })
      opened.push({ leaseId, deposit: terms.deposit, hostname })
    }
    const each = <result>(work: (leaseId: Hex, hostname: string) => Promise<result>) =>
      Promise.all(opened.map(({ leaseId, hostname }) => work(leaseId, hostname)))
    const order = (action: OrderAction) =>
      each(async (leaseId) => (await giveOrder(tenant, { leaseId, action, onChain: false })).report.vm.status)
    const bootIds = () => each((leaseId) => inGuest(leaseId, BOOT_ID))
    const kept = () => each((leaseId) => inGuest(leaseId, 'cat ~/kept 2>/dev/null || echo nothing'))

    await each((leaseId) => waitActive(tenant, leaseId, { endpoint: real().endpoint }))
    expect(await each((leaseId) => inGuest(leaseId, 'hostname'))).toEqual([...NAMES])
    await each((leaseId, hostname) => inGuest(leaseId, `echo ${hostname} was here > ~/kept && sync`))
    const boots = [await bootIds()]

    expect(await order('Stop')).toEqual(['Stopped', 'Stopped', 'Stopped'])
    expect(await each(stateOf)).toEqual(['shut off', 'shut off', 'shut off'])
    expect(await each(async (leaseId) => (await readLease(tenant, leaseId)).status)).toEqual([
      'Active',
      'Active',
      'Active',
    ])
    expect(await order('Start')).toEqual(['Running', 'Running', 'Running'])
    boots.push(await bootIds())
    expect(await kept()).toEqual(NAMES.map((name) => `${name} was here`))

    expect(await order('Reboot')).toEqual(['Running', 'Running', 'Running'])
    boots.push(await bootIds())
    expect(await kept()).toEqual(NAMES.map((name) => `${name} was here`))

    expect(await order('Reinstall')).toEqual(['Running', 'Running', 'Running'])
    boots.push(await bootIds())
    expect(await kept()).toEqual(['nothing', 'nothing', 'nothing'])
    expect(new Set(boots.flat()).size, 'one boot for each start, and no more').toBe(4 * NAMES.length)

    await each((leaseId) => closeLease(tenant, leaseId))
    const isDeleted = async (leaseId: Hex) =>
      (await reportOf(real().tenant, real().endpoint, leaseId))?.vm.status === 'Deleted'
    await until(async () => (await each(isDeleted)).every(Boolean), 90_000, 'the guests are not gone')
    expect(await each(stateOf)).toEqual(['absent', 'absent', 'absent'])
    for (const { leaseId, deposit } of opened) {
      const bill = await billOf(tenant, leaseId)
      expect(bill.difference).toBe(0n)
      expect(bill.bill + bill.refund).toBe(deposit)
    }
  },
)
