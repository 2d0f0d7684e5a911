import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hex } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freeAddress, parseSubnet } from '../../src/hypervisor/ipv4.ts'
import type { DomainSpec, Hypervisor, HypervisorEvent, NetworkSpec } from '../../src/ports/hypervisor.ts'

export interface ContractSubject {
  /** A client of the same machine under the given name; the first is the one under test, others are neighbours. */
  open(instance: string): Promise<Hypervisor>
  readonly instance: string
  readonly network: NetworkSpec
  /** With disks and seed in place where guests are real. */
  spec(leaseId: Hex): Promise<DomainSpec>
  /** The address that the machine keeps for the MAC, asked past the driver; absent where no DHCP runs. */
  reserved?(mac: string): Promise<string | null>
  release(): Promise<void>
}

export interface ContractOptions {
  /** false where no guest runs inside the domains: the guest agent's part is left out. */
  readonly guests: boolean
  /** From start to the guest agent's first answer, at most. */
  readonly bootMs: number
}

const lease: Hex = '0xa1'

async function until<T>(read: () => Promise<T>, good: (value: T) => boolean, deadlineMs: number): Promise<T> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const value = await read()
    if (good(value)) return value
    if (performance.now() > deadline)
      expect.fail(`still ${JSON.stringify(value)} after ${deadlineMs / 1000} s`)
    await sleep(50)
  }
}

const answers = (hypervisor: Hypervisor) => () =>
  hypervisor.ping(lease).then(
    () => true,
    () => false,
  )

/** A console and what it has said so far. */
const read = (stream: Duplex) => {
  let said = ''
  stream.on('data', (bytes: Buffer) => {
    said += bytes.toString('latin1')
  })
  return { stream, text: async () => said, closed: async () => stream.closed }
}

/** What every driver of the port must do, whatever stands behind it. */
export function hypervisorContract(
  name: string,
  makeSubject: () => Promise<ContractSubject>,
  { guests, bootMs }: ContractOptions,
): void {
  describe(`${name} keeps the hypervisor contract`, { timeout: 60_000 + 3 * bootMs }, () => {
    let subject: ContractSubject
    let hypervisor: Hypervisor

    beforeAll(async () => {
      subject = await makeSubject()
      hypervisor = await subject.open(subject.instance)
      await hypervisor.ensureNetwork(subject.network)
    }, 600_000)
    afterEach(async () => {
      for (const { leaseId } of await hypervisor.list()) {
        await hypervisor.destroy(leaseId)
        await hypervisor.undefine(leaseId)
      }
    }, 60_000)
    afterAll(async () => {
      await hypervisor?.removeNetwork(subject.network.name)
      await hypervisor?.close()
      await subject?.release()
    }, 60_000)

    const state = async () => (await hypervisor.list()).map((record) => record.state).join()

    test('a defined domain is listed with its identity, off; a second definition is refused', async () => {
      const spec = await subject.spec(lease)
      await hypervisor.define({ ...spec, generation: 7, specHash: '0xbeef' })
      expect(await hypervisor.list()).toEqual([
        { leaseId: lease, generation: 7, specHash: '0xbeef', state: 'stopped' },
      ])
      await expect(hypervisor.define(spec)).rejects.toMatchObject({ code: 'already-exists' })
      expect(await hypervisor.list()).toMatchObject([{ generation: 7 }])
    })

    test('a MAC has one guest, also when two are defined at once', async () => {
      const spec = await subject.spec(lease)
      const twin = { ...(await subject.spec('0xa2')), network: spec.network }
      const both = await Promise.allSettled([hypervisor.define(spec), hypervisor.define(twin)])
      const refused = both.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
      expect(refused).toMatchObject([{ code: 'address-taken' }])
      const [first, ...others] = await hypervisor.list()
      expect(others).toEqual([])
      // Without its neighbour it is free.
      await hypervisor.undefine(first!.leaseId)
      await hypervisor.define(first?.leaseId === lease ? twin : spec)
    })

    test('start, power off and undefine each refuse or ignore what is already so', async () => {
      await hypervisor.define(await subject.spec(lease))
      await hypervisor.destroy(lease)
      await hypervisor.shutdown(lease)
      await expect(hypervisor.resume(lease)).rejects.toMatchObject({ code: 'wrong-state' })
      await hypervisor.start(lease)
      expect(await state()).toBe('running')
      await hypervisor.resume(lease)
      await expect(hypervisor.start(lease)).rejects.toMatchObject({ code: 'wrong-state' })
      await expect(hypervisor.undefine(lease)).rejects.toMatchObject({ code: 'wrong-state' })
      await expect(hypervisor.removeNetwork(subject.network.name)).rejects.toMatchObject({
        code: 'wrong-state',
      })
      await hypervisor.destroy(lease)
      await hypervisor.destroy(lease)
      expect(await state()).toBe('stopped')
      await hypervisor.undefine(lease)
      await hypervisor.undefine(lease)
      expect(await hypervisor.list()).toEqual([])
    })

    test('a lease without a domain is not found', async () => {
      for (const step of [hypervisor.start, hypervisor.shutdown, hypervisor.destroy, hypervisor.resume]) {
        await expect(step.call(hypervisor, '0x404')).rejects.toMatchObject({ code: 'not-found' })
      }
    })

    test('what is malformed is invalid and leaves nothing', async () => {
      const spec = await subject.spec(lease)
      const odd = { ...spec, leaseId: '0x../etc' as Hex }
      await expect(hypervisor.define(odd)).rejects.toMatchObject({ code: 'invalid' })
      const subnets = ['10.0.0.0/8', '10.0.0.1/24', 'fd00::/64', '10.0.0.0', '']
      for (const subnet of subnets) {
        const network = { ...subject.network, name: 'decloud-odd', subnet }
        await expect(hypervisor.ensureNetwork(network)).rejects.toMatchObject({ code: 'invalid' })
      }
      expect(await hypervisor.list()).toEqual([])
    })

    test('a domain says how large it is, and nothing of limits while it is off', async () => {
      const spec = await subject.spec(lease)
      await hypervisor.define(spec)
      expect(await hypervisor.sizeOf(lease)).toEqual({ vcpus: spec.vcpus, memoryMiB: spec.memoryMiB })
      expect(await hypervisor.cpuOf(lease)).toBeNull()
      expect(await hypervisor.nicOf(lease)).toBeNull()
      await expect(hypervisor.setCpu(lease, { shares: 64 })).rejects.toMatchObject({ code: 'wrong-state' })
      for (const read of ['cpuOf', 'nicOf', 'sizeOf'] as const) {
        await expect(hypervisor[read]('0x404')).rejects.toMatchObject({ code: 'not-found' })
      }
    })

    test.skipIf(!guests)('CPU limits are set live, read back, lifted, and gone with the run', async () => {
      const spec = await subject.spec(lease)
      await hypervisor.define({ ...spec, cpu: { shares: 48 } })
      await hypervisor.start(lease)
      const atStart = await hypervisor.cpuOf(lease)
      expect(atStart).toMatchObject({ shares: 48 })
      expect(atStart).not.toHaveProperty('quotaUs')
      const capped = { shares: 24, periodUs: 100_000, quotaUs: 50_000 }
      await hypervisor.setCpu(lease, capped)
      expect(await hypervisor.cpuOf(lease)).toEqual(capped)
      const { quotaUs: _, ...lifted } = capped
      await hypervisor.setCpu(lease, lifted)
      expect(await hypervisor.cpuOf(lease)).toEqual(lifted)
      await hypervisor.setCpu(lease, capped)
      await hypervisor.destroy(lease)
      expect(await hypervisor.cpuOf(lease)).toBeNull()
      await hypervisor.start(lease)
      expect(await hypervisor.cpuOf(lease)).toEqual(atStart)
    })

    test.skipIf(!guests)(
      'the interface of a running guest has a device on the host, and no limits',
      async () => {
        await hypervisor.define(await subject.spec(lease))
        await hypervisor.start(lease)
        const nic = await hypervisor.nicOf(lease)
        expect(nic?.device).toMatch(/^[a-z][a-z0-9]{2,14}$/)
        expect(nic?.bandwidth).toBeNull()
        const { mac } = (await subject.spec(lease)).network
        expect(nic?.mac).toBe(mac)
        const answered = await until(
          () => hypervisor.interfaces(lease).catch(() => null),
          (all) => all?.some((one) => one.mac === mac && one.ipv4.length > 0) === true,
          bootMs,
        )
        expect(answered?.find((one) => one.mac === mac)?.ipv4).toEqual([nic?.ip])
      },
    )

    test('a guest has figures while it is on, which only grow; nobody else sees them', async () => {
      await hypervisor.define(await subject.spec(lease))
      expect(await hypervisor.stats()).toEqual([])
      await hypervisor.start(lease)
      const [first, ...others] = await hypervisor.stats()
      expect(others).toEqual([])
      expect(first?.leaseId).toBe(lease)
      const neighbour = await subject.open('neighbour')
      expect(await neighbour.stats()).toEqual([])
      await neighbour.close()
      if (guests) {
        await until(answers(hypervisor), (ready) => ready, bootMs)
        const mine = async () => (await hypervisor.stats())[0] ?? null
        // A kernel that has come up has read its disk and used its processor; it may be silent on the network.
        const busy = await until(
          mine,
          (now) => now !== null && (now.cpuSeconds ?? 0) > 0 && (now.disk?.readRequests ?? 0) > 0,
          15_000,
        )
        expect(busy?.memoryBytes).toBeGreaterThan(2 ** 20)
        expect(Object.values(busy?.net ?? {})).toHaveLength(5)
        const later = await until(mine, (now) => (now?.cpuSeconds ?? 0) > (busy?.cpuSeconds ?? 0), 15_000)
        for (const group of ['disk', 'net'] as const) {
          for (const [name, before] of Object.entries(busy?.[group] ?? {})) {
            const { [name]: after } = { ...later?.[group] } as Record<string, number>
            expect(Number.isSafeInteger(before) && before >= 0, name).toBe(true)
            expect(after, name).toBeGreaterThanOrEqual(before)
          }
        }
      }
      await hypervisor.destroy(lease)
      expect(await hypervisor.stats()).toEqual([])
    })

    test('subscribers hear of each step, and of nothing after they leave', async () => {
      const heard: HypervisorEvent[] = []
      const leave = hypervisor.subscribe((event) => heard.push(event))
      await hypervisor.define(await subject.spec(lease))
      await hypervisor.start(lease)
      await hypervisor.destroy(lease)
      await hypervisor.undefine(lease)
      const kinds = async () => {
        const all = heard.map((event) => (event.kind === 'stopped' ? event.cause : event.kind))
        // What the test before this one ended with may be heard late.
        return all.slice(Math.max(0, all.indexOf('defined')))
      }
      const wanted = ['defined', 'started', 'destroyed', 'undefined']
      await until(kinds, (all) => wanted.every((kind) => all.some((found) => found === kind)), 5_000)
      expect((await kinds()).filter((kind) => wanted.includes(kind))).toEqual(wanted)
      leave()
      const before = heard.length
      await hypervisor.define(await subject.spec(lease))
      await hypervisor.undefine(lease)
      expect(heard).toHaveLength(before)
    })

    test('guests outlive the client, and another instance never sees them', async () => {
      const first = await subject.open(subject.instance)
      await first.define(await subject.spec(lease))
      await first.start(lease)
      await first.close()
      await first.close()
      await expect(first.list()).rejects.toMatchObject({ code: 'closed' })
      expect(await hypervisor.list()).toMatchObject([{ leaseId: lease, state: 'running' }])
      const neighbour = await subject.open('neighbour')
      expect(await neighbour.list()).toEqual([])
      await expect(neighbour.destroy(lease)).rejects.toMatchObject({ code: 'not-found' })
      await neighbour.undefine(lease)
      await neighbour.close()
      expect(await state()).toBe('running')
    })

    test('a network is made once; one with another range, or a range in use, is refused', async () => {
      const { network } = subject
      await hypervisor.ensureNetwork(network)
      const other = network.subnet.replace('/24', '/25')
      await expect(hypervisor.ensureNetwork({ ...network, subnet: other })).rejects.toMatchObject({
        code: 'refused',
      })
      if (guests) {
        const rival = { ...network, name: 'decloud-rival', subnet: other }
        await expect(hypervisor.ensureNetwork(rival)).rejects.toMatchObject({ code: 'refused' })
      }
      await hypervisor.removeNetwork('decloud-never-made')
    })

    test('a guest does not start on a network that is gone', async () => {
      const spec = await subject.spec(lease)
      await hypervisor.define({ ...spec, network: { ...spec.network, name: 'decloud-gone' } })
      await expect(hypervisor.start(lease)).rejects.toMatchObject({ code: 'not-found' })
      expect(await state()).toBe('stopped')
    })

    test.skipIf(!guests)(
      'a console echoes what is typed, has one reader, and ends with the guest',
      async () => {
        await expect(hypervisor.openConsole('0x404')).rejects.toMatchObject({ code: 'not-found' })
        await hypervisor.define(await subject.spec(lease))
        await expect(hypervisor.openConsole(lease)).rejects.toMatchObject({ code: 'wrong-state' })
        await hypervisor.start(lease)
        await until(answers(hypervisor), (ready) => ready, bootMs)
        const first = read(await hypervisor.openConsole(lease))
        first.stream.write('marco\r')
        await until(first.text, (text) => text.includes('marco'), 15_000)

        const client = await subject.open(subject.instance)
        const second = read(await client.openConsole(lease))
        await until(first.closed, (closed) => closed, 15_000)
        second.stream.write('polo\r')
        await until(second.text, (text) => text.includes('polo'), 15_000)
        expect(await first.text()).not.toContain('polo')
        await client.close()
        await until(second.closed, (closed) => closed, 15_000)

        const third = read(await hypervisor.openConsole(lease))
        await hypervisor.destroy(lease)
        await until(third.closed, (closed) => closed, 15_000)
      },
    )

    test.skipIf(!guests)('the guest agent is not ready while the guest is off', async () => {
      await hypervisor.define(await subject.spec(lease))
      await expect(hypervisor.ping(lease)).rejects.toMatchObject({ code: 'agent-not-ready' })
      await expect(hypervisor.exec(lease, ['true'])).rejects.toMatchObject({ code: 'agent-not-ready' })
      expect(await hypervisor.interfaces(lease)).toBeNull()
      expect(await hypervisor.bootId(lease)).toBeNull()
    })

    test.skipIf(!guests)('the guest agent runs programs, and tells addresses and boots', async () => {
      const spec = await subject.spec(lease)
      await hypervisor.define(spec)
      await hypervisor.start(lease)
      await until(answers(hypervisor), (ready) => ready, bootMs)
      const words = ['$HOME', '"quoted"', "it's"]
      const said = await hypervisor.exec(lease, ['echo', ...words])
      expect(said).toEqual({ exitCode: 0, stdout: `${words.join(' ')}\n`, stderr: '' })
      expect(await hypervisor.exec(lease, ['false'])).toMatchObject({ exitCode: 1 })
      const input = `$HOME "quoted" it's\nand more`
      expect((await hypervisor.exec(lease, ['cat'], 5_000, input)).stdout).toBe(input)
      expect((await hypervisor.exec(lease, ['cat', '/nowhere'])).stderr).toContain('No such file')
      await expect(hypervisor.exec(lease, ['no-such-program'])).rejects.toMatchObject({ code: 'agent-error' })
      await expect(hypervisor.exec(lease, ['sleep', '20'], 300)).rejects.toMatchObject({ code: 'timeout' })

      const address = async () =>
        (await hypervisor.interfaces(lease))?.find(({ mac }) => mac === spec.network.mac)?.ipv4[0] ?? ''
      const ip = await until(address, (found) => found !== '', 15_000)
      expect(ip.split('.').slice(0, 3)).toEqual(subject.network.subnet.split('.').slice(0, 3))

      const boot = await hypervisor.bootId(lease)
      expect(boot).toMatch(/^[0-9a-f-]{36}$/)
      const second = await subject.open(subject.instance)
      expect(await second.bootId(lease)).toBe(boot)
      await second.close()

      await hypervisor.shutdown(lease)
      await until(state, (now) => now === 'stopped', 30_000)
      await hypervisor.start(lease)
      await until(answers(hypervisor), (ready) => ready, bootMs)
      expect(await hypervisor.bootId(lease)).not.toBe(boot)
      expect(await until(address, (found) => found !== '', 15_000)).toBe(ip)
    })

    test.skipIf(!guests)(
      'a newcomer is not kept the address that DHCP has leased to a departed guest',
      async () => {
        const departed = await subject.spec(lease)
        await hypervisor.define(departed)
        await hypervisor.start(lease)
        const address = async () =>
          (await hypervisor.interfaces(lease))?.find(({ mac }) => mac === departed.network.mac)?.ipv4[0] ?? ''
        const ip = await until(address, (found) => found !== '', bootMs + 15_000)
        await hypervisor.destroy(lease)
        await hypervisor.undefine(lease)
        expect(await subject.reserved!(departed.network.mac)).toBeNull()

        // Of all MACs, one whose own place is that address.
        const subnet = parseSubnet(subject.network.subnet)
        const mac = Array.from(
          { length: 4096 },
          (_, n) => `52:54:00:0f:${n.toString(16).padStart(4, '0').replace(/..$/, ':$&')}`,
        ).find((candidate) => freeAddress(subnet, [], [], candidate) === ip)
        const newcomer = await subject.spec(lease)
        await hypervisor.define({ ...newcomer, network: { ...newcomer.network, mac: mac! } })
        await hypervisor.start(lease)
        const kept = await subject.reserved!(mac!)
        expect(kept).not.toBeNull()
        expect(kept).not.toBe(ip)
      },
    )
  })
}
