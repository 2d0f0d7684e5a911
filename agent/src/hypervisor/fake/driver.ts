import type { Duplex } from 'node:stream'
import type { Hex } from 'viem'
import {
  type CpuLimits,
  type DomainRecord,
  type DomainSpec,
  type GuestExecResult,
  type GuestInterface,
  type GuestStats,
  type Hypervisor,
  type HypervisorCapabilities,
  HypervisorError,
  type HypervisorEvent,
  type LiveNic,
  type NetworkSpec,
} from '../../ports/hypervisor.ts'
import { hostArchitecture } from '../architecture.ts'
import { addressTaken } from '../mac.ts'
import { checkInstance, domainName } from '../names.ts'
import { simulatedBootId, simulatedStats, simulatedTap, simulateExec } from './guest.ts'
import type { SimulatedDomain, SimulatedMachine } from './machine.ts'
import { ensureSimulatedNetwork, releaseAddress, reserveAddress } from './networks.ts'

/** One agent's view of a simulated machine, under the same contract as the libvirt driver. */
export function makeFakeHypervisor(machine: SimulatedMachine, instance: string): Hypervisor {
  return new FakeHypervisor(machine, checkInstance(instance))
}

const isOff = ({ state }: SimulatedDomain) => state === 'stopped' || state === 'crashed'

class FakeHypervisor implements Hypervisor {
  readonly capabilities: HypervisorCapabilities = {
    acceleration: 'simulated',
    arch: hostArchitecture(),
    guestArchs: [hostArchitecture()],
    reason: 'A simulated hypervisor: leases, states and times are real, guests are not.',
  }
  readonly #machine: SimulatedMachine
  readonly #instance: string
  readonly #subscriptions = new Set<() => void>()
  readonly #consoles = new Set<Duplex>()
  #closed = false

  constructor(machine: SimulatedMachine, instance: string) {
    this.#machine = machine
    this.#instance = instance
  }

  async list(): Promise<readonly DomainRecord[]> {
    this.#connected()
    return this.#machine.state.domains
      .filter(({ instance }) => instance === this.#instance)
      .map(({ spec: { leaseId, generation, specHash }, state, pausedForSpace = false }) => ({
        leaseId,
        generation,
        specHash,
        state,
        ...(pausedForSpace ? { pausedForSpace } : {}),
      }))
  }

  async define(spec: DomainSpec): Promise<void> {
    this.#connected()
    domainName(this.#instance, spec.leaseId)
    const { defineFails } = this.#machine.faults
    if (defineFails) throw new HypervisorError('refused', 'The simulated machine refuses to define domains.')
    if (this.#machine.find(this.#instance, spec.leaseId)) {
      throw new HypervisorError('already-exists', `The lease ${spec.leaseId} has a domain already.`)
    }
    const mac = spec.network.mac.toLowerCase()
    const holder = this.#machine.state.domains.find(
      ({ instance, spec: { network } }) =>
        instance === this.#instance &&
        network.name === spec.network.name &&
        network.mac.toLowerCase() === mac,
    )
    if (holder) throw addressTaken(spec.leaseId, holder.spec.leaseId, mac)
    const leaseId = spec.leaseId.toLowerCase() as Hex // lower case of a Hex is a Hex
    const domain = { instance: this.#instance, spec: { ...spec, leaseId }, boots: 0, startedAt: null }
    this.#machine.put({ ...domain, state: 'stopped' })
    this.#emit({ kind: 'defined', leaseId })
  }

  async start(leaseId: Hex): Promise<void> {
    const domain = this.#find(leaseId)
    if (!isOff(domain))
      throw new HypervisorError('wrong-state', `The guest of lease ${leaseId} already runs.`)
    reserveAddress(this.#machine, domain.spec.network.name, domain.spec.network.mac)
    const { startFails } = this.#machine.faults
    if (startFails) throw new HypervisorError('refused', 'The simulated machine refuses to start guests.')
    this.#machine.put({
      ...domain,
      state: 'running',
      boots: domain.boots + 1,
      cpu: domain.spec.cpu ?? {},
      startedAt: this.#machine.now(),
    })
    this.#emit({ kind: 'started', leaseId: domain.spec.leaseId })
  }

  async shutdown(leaseId: Hex): Promise<void> {
    const domain = this.#find(leaseId)
    const { ignoresShutdown } = this.#machine.faults
    // A paused guest hears nothing until it goes on.
    if (!ignoresShutdown && domain.state !== 'paused') this.#stop(domain, 'shutdown')
  }

  async resume(leaseId: Hex): Promise<void> {
    const domain = this.#find(leaseId)
    if (domain.state === 'running') return
    if (domain.state !== 'paused')
      throw new HypervisorError('wrong-state', `The guest of lease ${leaseId} is off: it cannot go on.`)
    this.#machine.put({ ...domain, state: 'running', pausedForSpace: false })
    this.#emit({ kind: 'resumed', leaseId: domain.spec.leaseId })
  }

  async destroy(leaseId: Hex): Promise<void> {
    this.#stop(this.#find(leaseId), 'destroyed')
  }

  async undefine(leaseId: Hex): Promise<void> {
    this.#connected()
    const domain = this.#machine.find(this.#instance, leaseId)
    if (!domain) return
    if (!isOff(domain))
      throw new HypervisorError('wrong-state', `The guest of lease ${leaseId} runs: power it off first.`)
    releaseAddress(this.#machine, domain.spec.network.name, domain.spec.network.mac)
    this.#machine.remove(this.#instance, leaseId)
    this.#emit({ kind: 'undefined', leaseId: domain.spec.leaseId })
  }

  async setCpu(leaseId: Hex, limits: CpuLimits): Promise<void> {
    const domain = this.#find(leaseId)
    if (isOff(domain)) throw new HypervisorError('wrong-state', `The guest of lease ${leaseId} is off.`)
    this.#machine.put({ ...domain, cpu: limits })
  }

  async cpuOf(leaseId: Hex): Promise<CpuLimits | null> {
    const domain = this.#find(leaseId)
    return isOff(domain) ? null : (domain.cpu ?? {})
  }

  async nicOf(leaseId: Hex): Promise<LiveNic | null> {
    const domain = this.#find(leaseId)
    if (isOff(domain)) return null
    const { network, bandwidth = null } = domain.spec
    const ip = reserveAddress(this.#machine, network.name, network.mac)
    return {
      device: simulatedTap(domain),
      mac: network.mac.toLowerCase(),
      ip,
      bandwidth,
    }
  }

  async sizeOf(leaseId: Hex): Promise<{ vcpus: number; memoryMiB: number }> {
    const { vcpus, memoryMiB } = this.#find(leaseId).spec
    return { vcpus, memoryMiB }
  }

  async stats(): Promise<readonly GuestStats[]> {
    this.#connected()
    const now = this.#machine.now()
    return this.#machine.state.domains
      .filter((domain) => domain.instance === this.#instance && !isOff(domain))
      .map((domain) => simulatedStats(domain, now))
  }

  async ping(leaseId: Hex): Promise<void> {
    this.#answering(leaseId)
  }

  async exec(
    leaseId: Hex,
    argv: readonly [string, ...string[]],
    timeoutMs = 30_000,
    input = '',
  ): Promise<GuestExecResult> {
    const domain = this.#answering(leaseId)
    const result = simulateExec(domain, argv, this.#machine.faults, { timeoutMs, input })
    if (result === null)
      throw new HypervisorError('agent-error', `The simulated guest has no program ${argv[0]}.`)
    if (result !== 'hangs') return result
    throw new HypervisorError(
      'timeout',
      `${argv[0]} was still running in the guest after ${timeoutMs / 1000} s.`,
    )
  }

  async interfaces(leaseId: Hex): Promise<readonly GuestInterface[] | null> {
    const domain = this.#find(leaseId)
    if (!this.#machine.agentAnswers(domain)) return null
    const { name, mac } = domain.spec.network
    return [{ name: 'eth0', mac, ipv4: [reserveAddress(this.#machine, name, mac)], ipv6: [] }]
  }

  async bootId(leaseId: Hex): Promise<string | null> {
    const domain = this.#find(leaseId)
    return this.#machine.agentAnswers(domain) ? simulatedBootId(domain) : null
  }

  async openConsole(leaseId: Hex): Promise<Duplex> {
    const domain = this.#find(leaseId)
    if (isOff(domain)) throw new HypervisorError('wrong-state', 'The guest is off: its console says nothing.')
    const stream = this.#machine.openConsole(domain)
    this.#consoles.add(stream)
    stream.once('close', () => this.#consoles.delete(stream))
    return stream
  }

  async ensureNetwork(network: NetworkSpec): Promise<void> {
    this.#connected()
    ensureSimulatedNetwork(this.#machine, network)
  }

  async removeNetwork(name: string): Promise<void> {
    this.#connected()
    const { domains, networks } = this.#machine.state
    if (domains.some((domain) => domain.spec.network.name === name && !isOff(domain))) {
      throw new HypervisorError('wrong-state', `A guest still runs on the network ${name}.`)
    }
    this.#machine.save({ domains, networks: networks.filter(({ spec }) => spec.name !== name) })
  }

  subscribe(listener: (event: HypervisorEvent) => void): () => void {
    const end = this.#machine.listen((instance, event) => {
      if (instance === null || instance === this.#instance) listener(event)
    })
    this.#subscriptions.add(end)
    return end
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const end of this.#subscriptions) end()
    this.#subscriptions.clear()
    for (const stream of [...this.#consoles]) stream.destroy()
  }

  #stop(domain: SimulatedDomain, cause: 'shutdown' | 'destroyed'): void {
    if (isOff(domain)) return
    this.#machine.put({ ...domain, state: 'stopped', startedAt: null, pausedForSpace: false })
    this.#emit({ kind: 'stopped', leaseId: domain.spec.leaseId, cause })
  }

  #emit(event: HypervisorEvent): void {
    this.#machine.emit(this.#instance, event)
  }

  #connected(): void {
    if (this.#closed) throw new HypervisorError('closed', 'This hypervisor client has been closed.')
    if (!this.#machine.faults.connectionLost) return
    throw new HypervisorError('unavailable', 'The simulated machine does not answer.')
  }

  #find(leaseId: Hex): SimulatedDomain {
    this.#connected()
    const domain = this.#machine.find(this.#instance, leaseId)
    if (domain) return domain
    throw new HypervisorError('not-found', `The lease ${leaseId} has no domain on this machine.`)
  }

  #answering(leaseId: Hex): SimulatedDomain {
    const domain = this.#find(leaseId)
    if (this.#machine.agentAnswers(domain)) return domain
    throw new HypervisorError('agent-not-ready', `The guest agent of lease ${leaseId} does not answer yet.`)
  }
}
