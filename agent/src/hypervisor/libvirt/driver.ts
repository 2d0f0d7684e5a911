import type { Duplex } from 'node:stream'
import type { Hex } from 'viem'
import { makeSemaphore } from '../../lib/semaphore.ts'
import {
  type Architecture,
  type CpuLimits,
  type DomainRecord,
  type DomainSpec,
  type GuestStats,
  type Hypervisor,
  type HypervisorCapabilities,
  HypervisorError,
  type HypervisorEvent,
  type LiveNic,
} from '../../ports/hypervisor.ts'
import { hostArchitecture } from '../architecture.ts'
import { addressTaken } from '../mac.ts'
import { checkInstance, domainName, domainPrefix } from '../names.ts'
import { type DomainXmlContext, domainXml } from './domain-xml.ts'
import { eventHub, type Watch } from './event-hub.ts'
import { whyNoUefi } from './firmware.ts'
import { GuestAgent } from './guest-agent.ts'
import { readPciDevices, whyNotPassed } from './iommu.ts'
import { type AccelerationChoice, decideAcceleration, probeKvm } from './kvm.ts'
import { type DomainIdentity, parseMetadata } from './metadata.ts'
import { Networks } from './networks.ts'
import { parseNic } from './nic-xml.ts'
import type { RawDomain } from './operations.ts'
import { domainRecord, domainState, hypervisorEvent } from './states.ts'
import { guestStats } from './stats.ts'
import { WorkerPool } from './worker-pool.ts'

export interface LibvirtOptions {
  /** qemu:///system in production; test:///default is libvirt's own in-process simulation. */
  readonly uri: string
  /** Separates agents that share a machine: 1 to 24 letters a-z or digits. */
  readonly instance: string
  readonly acceleration: AccelerationChoice
  /** Found out by trying, where the choice is left to the machine: a sentence for the operator. */
  readonly whyNotKvm?: string | null
  /** Whether guests of another architecture are emulated; else they are refused. Slow, for development. */
  readonly foreignGuests?: boolean
  /** As of `DomainXmlContext`. */
  readonly sharedFiles?: boolean
  /** Connections for calls, each with a thread. Default 3. */
  readonly threads?: number
}

const QUICK_MS = 15_000
/** The first use of a QEMU makes libvirt probe it; starting and stopping wait for the process. */
const SLOW_MS = 120_000
const PING_MS = 2_000
const EXEC_MS = 30_000
const ARCHITECTURES: readonly Architecture[] = ['x86_64', 'aarch64']

async function context(options: LibvirtOptions): Promise<[DomainXmlContext, HypervisorCapabilities]> {
  const instance = checkInstance(options.instance)
  const arch = hostArchitecture()
  const guestArchs = options.foreignGuests ? ARCHITECTURES : [arch]
  if (options.uri.startsWith('test:')) {
    const reason = "libvirt's test driver, which runs no guests."
    return [
      { instance, arch, type: 'test' },
      { acceleration: 'simulated', arch, guestArchs, reason },
    ]
  }
  const decision = decideAcceleration(await probeKvm(), options.acceleration, options.whyNotKvm)
  return [
    {
      instance,
      arch,
      type: decision.acceleration === 'kvm' ? 'kvm' : 'qemu',
      sharedFiles: options.sharedFiles ?? false,
    },
    { ...decision, arch, guestArchs },
  ]
}

/** Rejects with HypervisorError `unavailable` if libvirt cannot be reached. */
export async function openLibvirt(options: LibvirtOptions): Promise<Hypervisor> {
  const [xmlContext, capabilities] = await context(options)
  const listeners = new Set<(event: HypervisorEvent) => void>()
  // The event loop must exist before the first connection for calls is opened.
  const watch = await eventHub.watch(options.uri, (report) => {
    const event = hypervisorEvent(options.instance, report)
    if (event) for (const listener of listeners) listener(event)
  })
  const pool = new WorkerPool(options.uri, options.threads ?? 3)
  return new LibvirtHypervisor(xmlContext, capabilities, pool, listeners, watch)
}

class LibvirtHypervisor implements Hypervisor {
  readonly capabilities: HypervisorCapabilities
  readonly #context: DomainXmlContext
  readonly #pool: WorkerPool
  readonly #networks: Networks
  readonly #agent: GuestAgent
  readonly #listeners: Set<(event: HypervisorEvent) => void>
  readonly #watch: Watch
  readonly #oneAtATime = makeSemaphore(1)

  constructor(
    xmlContext: DomainXmlContext,
    capabilities: HypervisorCapabilities,
    pool: WorkerPool,
    listeners: Set<(event: HypervisorEvent) => void>,
    watch: Watch,
  ) {
    this.capabilities = capabilities
    this.#context = xmlContext
    this.#pool = pool
    this.#networks = new Networks(pool)
    this.#agent = new GuestAgent(pool)
    this.#listeners = listeners
    this.#watch = watch
  }

  async list(): Promise<readonly DomainRecord[]> {
    return (await this.#domains())
      .map((domain) => domainRecord(this.#context.instance, domain))
      .filter((record) => record !== null)
  }

  async define(spec: DomainSpec): Promise<void> {
    const name = this.#name(spec.leaseId)
    const xml = domainXml(spec, this.#context)
    if (this.#context.type !== 'test') await this.#checkHost(spec)
    // One at a time: two that are defined at once would not see that they have one address.
    await this.#oneAtATime(async () => {
      if (await this.#pool.call('domain', [name], `look for ${name}`, QUICK_MS)) {
        throw new HypervisorError('already-exists', `The lease ${spec.leaseId} has a domain already.`)
      }
      await this.#checkAddress(spec)
      await this.#pool.call('define', [xml, this.#context.type !== 'test'], `define ${name}`, SLOW_MS)
    })
  }

  async #checkAddress({ leaseId, network }: DomainSpec): Promise<void> {
    const mac = network.mac.toLowerCase()
    for (const { metadata } of await this.#domains()) {
      const other = metadata === null ? null : parseMetadata(metadata)
      if (other?.network === network.name && other.mac.toLowerCase() === mac) {
        throw addressTaken(leaseId, other.leaseId, mac)
      }
    }
  }

  /** What libvirt would find out at start, in words that say what to do about it. */
  async #checkHost(spec: DomainSpec): Promise<void> {
    const arch = spec.arch ?? this.capabilities.arch
    if (!this.capabilities.guestArchs.includes(arch)) {
      const sentence = `The guest is for ${arch}; this machine is ${this.capabilities.arch} and emulates no other.`
      throw new HypervisorError('invalid', sentence)
    }
    const uefi = spec.boot.kind === 'firmware' && spec.boot.firmware === 'uefi'
    const problem =
      (uefi ? await whyNoUefi(arch) : null) ??
      (spec.gpus?.length ? whyNotPassed(await readPciDevices(), spec.gpus) : null)
    if (problem !== null) throw new HypervisorError('refused', problem)
  }

  async start(leaseId: Hex): Promise<void> {
    const name = this.#name(leaseId)
    const { identity, on } = await this.#find(leaseId)
    if (on) throw new HypervisorError('wrong-state', `${name} already runs.`)
    await this.#networks.reserve(identity.network, identity.mac)
    await this.#pool.call('start', [name], `start ${name}`, SLOW_MS)
  }

  async shutdown(leaseId: Hex): Promise<void> {
    await this.#whileOn(leaseId, (name) => this.#pool.call('shutdown', [name], `shut down ${name}`, SLOW_MS))
  }

  async destroy(leaseId: Hex): Promise<void> {
    await this.#whileOn(leaseId, (name) => this.#pool.call('destroy', [name], `power off ${name}`, SLOW_MS))
  }

  async resume(leaseId: Hex): Promise<void> {
    const name = this.#name(leaseId)
    const found = await this.#find(leaseId)
    if (!found.on) throw new HypervisorError('wrong-state', `${name} is off: it cannot go on.`)
    if (found.paused) await this.#pool.call('resume', [name], `resume ${name}`, QUICK_MS)
  }

  async undefine(leaseId: Hex): Promise<void> {
    const name = this.#name(leaseId)
    const found = await this.#lookup(leaseId)
    if (!found) return
    if (found.on)
      throw new HypervisorError('wrong-state', `${name} runs: power it off before it is undefined.`)
    // First the address: a crash in between leaves the domain, from which the address is found again.
    await this.#networks.release(found.identity.network, found.identity.mac)
    await this.#pool.call('undefine', [name, this.#context.type !== 'test'], `undefine ${name}`, QUICK_MS)
  }

  async setCpu(leaseId: Hex, limits: CpuLimits): Promise<void> {
    const name = this.#name(leaseId)
    const { on } = await this.#find(leaseId)
    if (!on) throw new HypervisorError('wrong-state', `${name} is off: its limits are set while it runs.`)
    await this.#pool.call('setCpu', [name, limits], `set the CPU limits of ${name}`, QUICK_MS)
  }

  cpuOf(leaseId: Hex): Promise<CpuLimits | null> {
    return this.#ofRunning(leaseId, (name) =>
      this.#pool.call('cpu', [name], `read the CPU limits of ${name}`, QUICK_MS),
    )
  }

  nicOf(leaseId: Hex): Promise<LiveNic | null> {
    return this.#ofRunning(leaseId, async (name) => {
      const nic = parseNic(await this.#pool.call('liveXml', [name], `read the live XML of ${name}`, QUICK_MS))
      if (nic === null) return null
      const { network, ...live } = nic
      return { ...live, ip: network === null ? null : await this.#networks.addressOf(network, nic.mac) }
    })
  }

  async sizeOf(leaseId: Hex): Promise<{ vcpus: number; memoryMiB: number }> {
    await this.#find(leaseId)
    const name = this.#name(leaseId)
    return this.#pool.call('size', [name], `read the size of ${name}`, QUICK_MS)
  }

  async stats(): Promise<readonly GuestStats[]> {
    const { instance } = this.#context
    const prefix = domainPrefix(instance)
    const raw = await this.#pool.call('stats', [prefix], 'read the statistics of the guests', QUICK_MS)
    return raw.filter(isOn).flatMap((domain) => {
      const record = domainRecord(instance, domain)
      return record === null ? [] : [guestStats(record.leaseId, domain.values)]
    })
  }

  ping = (leaseId: Hex, timeoutMs = PING_MS) => this.#agent.ping(this.#name(leaseId), timeoutMs)
  exec = (leaseId: Hex, argv: readonly [string, ...string[]], timeoutMs = EXEC_MS, input = '') =>
    this.#agent.exec(this.#name(leaseId), argv, timeoutMs, input)
  interfaces = (leaseId: Hex) => this.#agent.interfaces(this.#name(leaseId))
  bootId = (leaseId: Hex) => this.#agent.bootId(this.#name(leaseId))

  async openConsole(leaseId: Hex): Promise<Duplex> {
    const name = this.#name(leaseId)
    const { on } = await this.#find(leaseId)
    if (!on) throw new HypervisorError('wrong-state', `${name} is off: its console says nothing.`)
    return this.#watch.openConsole(name)
  }

  ensureNetwork: Hypervisor['ensureNetwork'] = (network) => this.#networks.ensure(network)

  async removeNetwork(name: string): Promise<void> {
    const attached = (await this.#domains()).find(
      (domain) => isOn(domain) && domain.metadata && parseMetadata(domain.metadata)?.network === name,
    )
    if (attached)
      throw new HypervisorError('wrong-state', `${attached.name} still runs on the network ${name}.`)
    await this.#networks.remove(name)
  }

  subscribe(listener: (event: HypervisorEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#listeners.clear()
    await this.#pool.close()
    await this.#watch.end()
  }

  #domains(): Promise<readonly RawDomain[]> {
    const prefix = domainPrefix(this.#context.instance)
    return this.#pool.call('domains', [prefix], 'list domains', QUICK_MS)
  }

  #name(leaseId: Hex): string {
    return domainName(this.#context.instance, leaseId)
  }

  async #lookup(leaseId: Hex): Promise<Found | null> {
    const name = this.#name(leaseId)
    const raw = await this.#pool.call('domain', [name], `look for ${name}`, QUICK_MS)
    const identity = raw?.metadata ? parseMetadata(raw.metadata) : null
    return raw && identity?.instance === this.#context.instance ? found(identity, raw) : null
  }

  async #find(leaseId: Hex): Promise<Found> {
    const found = await this.#lookup(leaseId)
    if (found) return found
    throw new HypervisorError('not-found', `The lease ${leaseId} has no domain on this machine.`)
  }

  /** null when the guest is off, or goes off in between. */
  async #ofRunning<T>(leaseId: Hex, read: (name: string) => Promise<T>): Promise<T | null> {
    if (!(await this.#find(leaseId)).on) return null
    try {
      return await read(this.#name(leaseId))
    } catch (error) {
      if ((await this.#lookup(leaseId))?.on) throw error
      return null
    }
  }

  /** A guest that is off, or goes off in between, is what the caller wants. */
  async #whileOn(leaseId: Hex, step: (name: string) => Promise<void>): Promise<void> {
    if (!(await this.#find(leaseId)).on) return
    try {
      await step(this.#name(leaseId))
    } catch (error) {
      if ((await this.#lookup(leaseId))?.on) throw error
    }
  }
}

type Found = { readonly identity: DomainIdentity; readonly on: boolean; readonly paused: boolean }

const found = (
  identity: DomainIdentity,
  raw: { readonly state: number; readonly reason: number },
): Found => ({
  identity,
  on: isOn(raw),
  paused: domainState(raw.state, raw.reason) === 'paused',
})

function isOn(raw: { readonly state: number; readonly reason: number }): boolean {
  const state = domainState(raw.state, raw.reason)
  return state !== 'stopped' && state !== 'crashed'
}
