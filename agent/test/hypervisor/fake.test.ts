import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkSystem, waitForSystem } from '../../src/guest/system-check.ts'
import { makeFakeHypervisor } from '../../src/hypervisor/fake/driver.ts'
import { SimulatedMachine } from '../../src/hypervisor/fake/machine.ts'
import { hypervisorContract } from './contract.ts'
import { paperSpec } from './spec.ts'

const network = { name: 'decloud', subnet: '10.77.0.0/24', mode: 'isolated' } as const

hypervisorContract(
  'the simulated hypervisor',
  async () => {
    const machine = new SimulatedMachine()
    return {
      open: async (instance) => makeFakeHypervisor(machine, instance),
      instance: 'fake',
      network,
      spec: async (leaseId) => paperSpec(leaseId),
      reserved: async (mac) =>
        machine.state.networks.flatMap(({ hosts }) => hosts).find((host) => host.mac === mac)?.ip ?? null,
      release: async () => {},
    }
  },
  { guests: true, bootMs: 1_000 },
)

async function running(options: ConstructorParameters<typeof SimulatedMachine>[0]) {
  const machine = new SimulatedMachine(options)
  const hypervisor = makeFakeHypervisor(machine, 'fake')
  await hypervisor.ensureNetwork(network)
  const spec = paperSpec('0xa1')
  await hypervisor.define(spec)
  await hypervisor.start('0xa1')
  return { machine, hypervisor, mac: spec.network.mac }
}

test('guests in a state file outlive the machine object, boot id and address included', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'decloud-fake-'))
  try {
    const file = join(directory, 'machine.json')
    const { hypervisor, mac } = await running({ file })
    const before = await checkSystem(hypervisor, '0xa1', mac)
    const reborn = makeFakeHypervisor(new SimulatedMachine({ file }), 'fake')
    expect(before.state).toBe('ready')
    expect(await checkSystem(reborn, '0xa1', mac)).toEqual(before)
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('the System check waits for a slow boot and no longer', async () => {
  let now = 0
  const { hypervisor, mac } = await running({ now: () => now, faults: { bootMs: 5_000 } })
  now = 4_999
  expect(await checkSystem(hypervisor, '0xa1', mac)).toMatchObject({ state: 'pending' })
  now = 5_000
  expect(await checkSystem(hypervisor, '0xa1', mac)).toMatchObject({
    state: 'ready',
    facts: { ipv4: expect.stringMatching(/^10\.77\.0\.\d+$/) },
  })
})

test('a guest whose agent never answers fails at the deadline, with what was awaited', async () => {
  const { hypervisor, mac } = await running({ faults: { agentNever: true } })
  const check = await waitForSystem(hypervisor, '0xa1', mac, { deadlineMs: 30, pollMs: 10 })
  expect(check).toEqual({ state: 'failed', reason: expect.stringContaining('guest agent does not answer') })
})

test("cloud-init's errors fail the System check in its own words", async () => {
  const { hypervisor, mac } = await running({ faults: { cloudInitErrors: ['no such module: blink'] } })
  const check = await checkSystem(hypervisor, '0xa1', mac)
  expect(check).toEqual({ state: 'failed', reason: 'cloud-init failed: no such module: blink' })
})

test('faults: define and start refuse, a guest dies, the connection is lost and comes back', async () => {
  const { machine, hypervisor, mac } = await running({})
  const heard: string[] = []
  hypervisor.subscribe((event) => heard.push(event.kind === 'stopped' ? event.cause : event.kind))
  machine.crash('fake', '0xa1')
  expect(await hypervisor.list()).toMatchObject([{ state: 'crashed' }])
  machine.faults.startFails = true
  await expect(hypervisor.start('0xa1')).rejects.toMatchObject({ code: 'refused' })
  machine.faults.defineFails = true
  await expect(hypervisor.define(paperSpec('0xa2'))).rejects.toMatchObject({ code: 'refused' })
  machine.disconnect()
  await expect(hypervisor.list()).rejects.toMatchObject({ code: 'unavailable' })
  await expect(checkSystem(hypervisor, '0xa1', mac)).rejects.toMatchObject({ code: 'unavailable' })
  machine.reconnect()
  expect(await hypervisor.list()).toHaveLength(1)
  expect(heard).toEqual(['crashed', 'disconnected', 'reconnected'])
})
