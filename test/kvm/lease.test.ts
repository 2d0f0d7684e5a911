// The promise itself, with nothing simulated: a lease, a real guest, SSH, a killed agent, the bill, the money.
import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { leaseEscrowAbi } from '@decloud/protocol'
import { erc20Abi } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeKey, runInGuest } from '../../scripts/lib/guest-shell.ts'
import { buildImage } from '../../scripts/lib/images.ts'
import { type Leftovers, startReaper } from '../../scripts/lib/leftovers.ts'
import { libvirtMissing, libvirtUp } from '../../scripts/lib/libvirt-up.ts'
import { closeLease, makeTenant, openLease, type Tenant } from '../../scripts/lib/tenant.ts'
import { billOf, reportOf, waitActive } from '../../scripts/lib/tenant-view.ts'
import { until } from '../../scripts/lib/until.ts'
import { type AgentProcessOptions, startAgentProcess } from '../world/agent-process.ts'
import { ROLES, registerNode, SMALL_NODE } from '../world/market.ts'
import { LIBVIRT, networkOf } from '../world/node.ts'
import { startWorld, type World } from '../world/world.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: the lease of a real guest: ${missing}`)

const HOLD_BACK = 600
let leftovers: Leftovers
let world: World
let tenant: Tenant
let node: AgentProcessOptions

beforeAll(async () => {
  if (missing) return
  leftovers = await startReaper()
  const imageDir = await buildImage('debian-12')
  await libvirtUp(leftovers)
  world = await startWorld({ hypervisor: 'libvirt', nodes: 0, leftovers })
  tenant = await makeTenant({
    rpcUrls: [world.anvil.rpcUrl],
    deployment: world.deployment,
    account: world.anvil.account(ROLES.tenant),
  })
  const registered = await registerNode(world.anvil, world.deployment, {
    nth: 0,
    offer: SMALL_NODE,
    endpoint: '',
    agentFunds: 10n ** 18n,
  })
  const dataDir = join(world.directory, 'node')
  await mkdir(dataDir)
  for (const path of [world.directory, dataDir]) await chmod(path, 0o711)
  const network = networkOf(0)
  leftovers.add({ kind: 'network', uri: LIBVIRT, name: network.name })
  node = { anvil: world.anvil, deployment: world.deployment, registered, dataDir, imageDir, network }
}, 900_000)

afterAll(async () => {
  if (missing) return
  await tenant?.close()
  await world?.close()
  await leftovers?.reap()
}, 120_000)

const virsh = async (...args: string[]) =>
  (await promisify(execFile)('virsh', ['-q', '-c', LIBVIRT, ...args])).stdout

/** The domains on this test's own network. */
const guests = async (): Promise<string[]> => {
  const names = (await virsh('list', '--name')).split('\n').filter(Boolean)
  const xml = await Promise.all(names.map((name) => virsh('dumpxml', name).catch(() => '')))
  return names.filter((_, i) => xml[i]!.includes(`network='${node.network.name}'`))
}

const usdcOf = (account: `0x${string}`) =>
  world.anvil.client.readContract({
    address: world.deployment.usdc,
    abi: erc20Abi,
    functionName: 'balanceOf',
    args: [account],
  })

test.skipIf(missing)(
  'a wallet leases a real VM, its agent is killed and comes back to the same guest, the books balance to the unit',
  { timeout: 900_000 },
  async () => {
    const { anvil, deployment, keeper } = world
    const { registered } = node
    const before = await usdcOf(tenant.account.address)
    let agent = await startAgentProcess(node)
    await leftovers.process(agent.pid)
    const key = await makeKey(world.directory)

    const { leaseId, terms } = await openLease(tenant, {
      node: registered.node,
      resources: { vcpus: 2, tier: 1, bandwidth: 0, gpus: 0, memoryMiB: 1_024, diskGiB: 3 },
      hours: 1,
      holdBack: HOLD_BACK,
      manifest: {
        version: 1,
        image: 'debian-12',
        hostname: 'leased',
        sshKeys: [key.publicKey],
        passwordHash: null,
        variables: { GREETING: "it's mine" },
      },
    })
    const opened = performance.now()
    const { report } = await waitActive(tenant, leaseId, { endpoint: agent.url })
    console.info(`Active ${((performance.now() - opened) / 1000).toFixed(1)} s after the lease was opened`)
    const ssh = report?.ssh
    if (!ssh) throw new Error(`no SSH line in ${JSON.stringify(report)}`)
    const inGuest = (command: string) => runInGuest(world.directory, key, ssh, command)

    expect(await inGuest('hostname; sudo sh -c \'. /etc/decloud/env; echo "$GREETING"\'')).toBe(
      "leased\nit's mine",
    )
    await inGuest('echo kept > ~/kept')
    const bootId = await inGuest('cat /proc/sys/kernel/random/boot_id')

    await agent.kill()
    expect(await guests()).toHaveLength(1)
    expect(await inGuest('cat ~/kept')).toBe('kept')
    agent = await startAgentProcess(node)
    await leftovers.process(agent.pid)
    await until(
      async () => (await reportOf(tenant, agent.url, leaseId))?.vm.status === 'Running',
      60_000,
      'the agent has not adopted the guest',
    )
    expect(await inGuest('cat /proc/sys/kernel/random/boot_id')).toBe(bootId)
    expect(await guests()).toHaveLength(1)
    const readOnly = { address: deployment.leaseEscrow, abi: leaseEscrowAbi } as const
    expect(
      (await anvil.client.readContract({ ...readOnly, functionName: 'leaseOf', args: [leaseId] })).status,
    ).toBe(3)

    await closeLease(tenant, leaseId)
    const bill = await billOf(tenant, leaseId)
    expect(bill.difference).toBe(0n)
    expect(bill.bill).toBe(
      (bill.pricePerHour * BigInt(Math.max(bill.endedAt - bill.startedAt, SMALL_NODE.minCharge))) / 3_600n,
    )
    expect(bill.bill + bill.refund).toBe(terms.deposit)
    expect(await usdcOf(tenant.account.address)).toBe(before - bill.bill)

    await until(
      async () => (await guests()).length === 0,
      120_000,
      'the guest still runs after a final close',
    )
    await until(
      async () => (await reportOf(tenant, agent.url, leaseId))?.vm.status === 'Deleted',
      60_000,
      'the agent has not finished the lease',
    )
    expect((await readdir(join(node.dataDir, 'disks'), { recursive: true })).join(' ')).toMatch(/quarantine/)

    await anvil.moveTime(HOLD_BACK + 1)
    await keeper.synced({ height: await anvil.client.getBlockNumber() })
    await keeper.upkeep()
    const payee = anvil.account(registered.operator).address
    const earned = await anvil.client.readContract({
      ...readOnly,
      functionName: 'earnedOf',
      args: [registered.node],
    })
    expect(earned).toBe(bill.bill)
    const hash = await anvil
      .wallet(registered.operator)
      .writeContract({ ...readOnly, functionName: 'withdrawEarned', args: [registered.node, payee, earned] })
    await anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
    expect(await usdcOf(payee)).toBe(bill.bill)
    expect(await usdcOf(deployment.leaseEscrow)).toBe(0n)
    expect(await agent.stop()).toBe(0)
  },
)
