// What goes wrong on a node, each against a real chain: a clear sentence, nothing lost, nothing billed.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { generateSealingKey } from '@decloud/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { closeLease } from '../../scripts/lib/tenant.ts'
import { billOf, waitActive } from '../../scripts/lib/tenant-view.ts'
import { makeFakeHypervisor } from '../src/hypervisor/fake/driver.ts'
import {
  makeSimulatedDiskStore,
  makeSimulatedImageStore,
  makeSimulatedSeedStore,
} from '../src/lib/simulated-storage.ts'
import type { Agent } from '../src/main.ts'
import { StorageError } from '../src/ports/storage.ts'
import { type Bench, chainStatus, MANIFEST, makeBench, until } from './helpers/node.ts'
import { PLENTIFUL } from './helpers/resources.ts'
import { makeRpcSwitch, type RpcSwitch } from './helpers/rpc-switch.ts'

describe('a node on which something is wrong', () => {
  let bench: Bench
  let agent: Agent | null = null
  beforeAll(async () => {
    bench = await makeBench()
  })
  afterEach(async () => {
    await agent?.close()
    agent = null
  })
  afterAll(() => bench?.close())

  const expectRefund = async (leaseId: `0x${string}`) => {
    expect(await chainStatus(bench, leaseId)).toBe('Assigned')
    await closeLease(bench.tenant, leaseId)
    const bill = await billOf(bench.tenant, leaseId)
    expect(bill).toMatchObject({ bill: 0n, refund: bill.deposited })
  }

  it('refuses to start with the wrong sealing key, and says which', async () => {
    const { privateKey } = await generateSealingKey()
    await expect(bench.start({}, {}, { sealingKeys: new Map([[1, privateKey]]) })).rejects.toMatchObject({
      code: 'sealing-key-wrong',
    })
    await expect(bench.start({}, {}, { sealingKeys: new Map([[2, privateKey]]) })).rejects.toMatchObject({
      code: 'sealing-key-missing',
    })
  })

  it("refuses to start with another agent's key", async () => {
    await expect(bench.start({}, {}, { account: bench.anvil.account(4) })).rejects.toMatchObject({
      code: 'agent-key-wrong',
    })
  })

  it('refuses to start for a node that is not registered', async () => {
    await expect(bench.start({}, { node: 99 })).rejects.toMatchObject({ code: 'node-unregistered' })
  })

  it('refuses a port that is taken, and leaves nothing open', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => blocker.once('listening', resolve))
    const { port } = blocker.address() as AddressInfo
    await expect(bench.start({}, { apiPort: port })).rejects.toMatchObject({ code: 'port-taken' })
    blocker.close()
    agent = await bench.start() // the data folder is free again
  })

  it('refuses a second agent on the same data folder', async () => {
    agent = await bench.start()
    await expect(bench.start()).rejects.toMatchObject({ code: 'data-dir-in-use' })
  })

  it('refuses a manifest sealed to another key; the tenant gets everything back', async () => {
    agent = await bench.start()
    const leaseId = await bench.open({ sealTo: { ...(await generateSealingKey()), epoch: 1 } })
    const vm = await until(agent, leaseId, ({ refused }) => refused)
    expect(vm).toMatchObject({ status: 'Error', reason: { code: 'manifest-not-for-us' } })
    await expect(waitActive(bench.tenant, leaseId, { endpoint: agent.url })).rejects.toMatchObject({
      code: 'lease-refused',
    })
    await expectRefund(leaseId)
    await until(agent, leaseId, ({ status }) => status === 'Deleted')
  })

  it('refuses a manifest that is not the one signed', async () => {
    agent = await bench.start()
    const leaseId = await bench.open({ slipIn: { ...MANIFEST, hostname: 'evil' } })
    const vm = await until(agent, leaseId, ({ refused }) => refused)
    expect(vm.reason?.code).toBe('manifest-commitment')
    expect(bench.machine.find(bench.instance, leaseId)).toBeUndefined()
    await expectRefund(leaseId)
  })

  it('says that it does not know an image, keeps looking, and activates once it has it', async () => {
    let present = false
    const disk = {
      id: 'new-image',
      arch: 'x86_64',
      diskPath: '/simulated/new.qcow2',
      diskSha256: '0'.repeat(64),
      virtualSizeBytes: 1,
      boot: { kind: 'firmware', firmware: 'bios' },
    } as const
    const images = {
      list: async () => [],
      collect: async () => 0,
      standingOn: async () => disk,
      ensure: async () => {
        if (present) return disk
        throw new StorageError('image-corrupt', 'The image new-image is corrupt: /secret/path differs.')
      },
    }
    agent = await bench.start({ images })
    const leaseId = await bench.open({ manifest: { ...MANIFEST, image: 'new-image' } })
    const vm = await until(agent, leaseId, ({ attempts }) => attempts >= 2)
    expect(vm.reason?.code).toBe('image-corrupt')
    expect(JSON.stringify(vm)).not.toContain('/secret/path')
    expect(bench.machine.find(bench.instance, leaseId)).toBeUndefined()
    present = true
    await until(agent, leaseId, ({ status }) => status === 'Running')
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, ({ status }) => status === 'Deleted')
  })

  it.each([
    ['memory', { ...PLENTIFUL, availableMemoryMiB: async () => 100 }, 'memory-low'],
    ['disk', { ...PLENTIFUL, availableDiskBytes: async () => 1_000 }, 'disk-low'],
  ])('does not start what there is no room for at the moment: %s', async (_, machine, code) => {
    const hypervisor = makeFakeHypervisor(bench.machine, bench.instance)
    // The simulated machine gives memory without having any: only its disk is asked for, so claim to be real.
    Object.assign(hypervisor, { capabilities: { ...hypervisor.capabilities, acceleration: 'tcg' } })
    agent = await bench.start({
      hypervisor,
      machine,
      images: makeSimulatedImageStore(),
      disks: makeSimulatedDiskStore(`${bench.config.dataDir}/disks`),
      seeds: makeSimulatedSeedStore(`${bench.config.dataDir}/seeds`),
    })
    const leaseId = await bench.open()
    const vm = await until(agent, leaseId, ({ attempts }) => attempts >= 1)
    expect(vm.reason?.code).toBe(code)
    expect(bench.machine.find(bench.instance, leaseId)).toBeUndefined()
    await expectRefund(leaseId)
  })

  it('never activates a guest whose cloud-init failed', async () => {
    bench.machine.faults.cloudInitErrors = ['users: no such shell']
    agent = await bench.start()
    const leaseId = await bench.open()
    const vm = await until(agent, leaseId, ({ refused }) => refused)
    bench.machine.faults.cloudInitErrors = []
    expect(vm.reason).toMatchObject({
      code: 'guest-failed',
      message: expect.stringContaining('no such shell'),
    })
    await expectRefund(leaseId)
    await until(agent, leaseId, ({ status }) => status === 'Deleted')
    expect(bench.machine.find(bench.instance, leaseId)).toBeUndefined()
  })

  it('goes on without gas: names address and amount, bills nothing, activates when funded', async () => {
    const address = bench.secrets.account.address
    await bench.anvil.client.setBalance({ address, value: 1n })
    agent = await bench.start()
    const leaseId = await bench.open()
    const vm = await until(agent, leaseId, ({ attempts }) => attempts >= 2)
    expect(vm.reason?.code).toBe('gas-missing')
    expect(vm.reason?.message).toContain(address)
    expect(vm.reason?.message).toMatch(/send at least 0\.\d+/)
    expect(await chainStatus(bench, leaseId)).toBe('Assigned')
    await bench.anvil.client.setBalance({ address, value: 10n ** 18n })
    await until(agent, leaseId, ({ status }) => status === 'Running')
    expect(await chainStatus(bench, leaseId)).toBe('Active')
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, ({ status }) => status === 'Deleted')
  })

  it('restarts a guest that crashed, on the same disk, without activating it again', async () => {
    agent = await bench.start()
    const leaseId = await bench.open()
    const before = await until(agent, leaseId, ({ status }) => status === 'Running')
    bench.machine.crash(bench.instance, leaseId)
    const after = await until(
      agent,
      leaseId,
      (vm) => vm.status === 'Running' && vm.facts !== null && vm.facts.bootId !== before.facts?.bootId,
    )
    expect(after.facts?.sshHostKeyFingerprint).toBe(before.facts?.sshHostKeyFingerprint)
    await closeLease(bench.tenant, leaseId)
    await until(agent, leaseId, ({ status }) => status === 'Deleted')
  })

  it('keeps guests running while the hypervisor daemon is away', async () => {
    agent = await bench.start()
    const leaseId = await bench.open()
    await until(agent, leaseId, ({ status }) => status === 'Running')
    bench.machine.disconnect()
    await closeLease(bench.tenant, leaseId)
    expect(agent.vm(leaseId)?.status).toBe('Running')
    bench.machine.reconnect()
    await until(agent, leaseId, ({ status }) => status === 'Deleted')
  })

  describe('whose RPC goes away', () => {
    let rpc: RpcSwitch
    beforeAll(async () => {
      rpc = await makeRpcSwitch(bench.anvil.rpcUrl)
    })
    afterAll(() => rpc?.close())

    it('keeps the guest running, takes nothing down, and catches up when it is back', async () => {
      agent = await bench.start({}, { rpcUrls: [rpc.url] })
      const leaseId = await bench.open()
      const { facts } = await until(agent, leaseId, ({ status }) => status === 'Running')
      rpc.cut()
      await closeLease(bench.tenant, leaseId)
      await bench.anvil.client.mine({ blocks: 5 })
      await rpc.refusals(5)
      expect(bench.machine.find(bench.instance, leaseId)?.state).toBe('running')
      expect(agent.vm(leaseId)).toMatchObject({ status: 'Running', facts: { bootId: facts?.bootId } })
      rpc.restore()
      await until(agent, leaseId, ({ status }) => status === 'Deleted')
    })
  })
})
