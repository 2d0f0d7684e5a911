import { createHash } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import type { Hex } from 'viem'
import type {
  CpuLimits,
  DomainSpec,
  DomainState,
  HypervisorEvent,
  NetworkSpec,
} from '../../ports/hypervisor.ts'
import type { DhcpHost } from '../ipv4.ts'
import { simulatedConsole } from './console.ts'

export interface SimulatedDomain {
  readonly instance: string
  readonly spec: DomainSpec
  readonly state: DomainState
  /** Counts starts; each has its own boot id. */
  readonly boots: number
  /** Milliseconds of the machine's clock; null while it is off. */
  readonly startedAt: number | null
  /** In force while it runs; each start begins with those of the spec. */
  readonly cpu?: CpuLimits
  /** Paused because its write found no space. */
  readonly pausedForSpace?: boolean
}

interface SimulatedNetwork {
  readonly spec: NetworkSpec
  /** Reserved, until the guest is undefined. */
  readonly hosts: readonly DhcpHost[]
  /** Given to guests, of which some are gone. */
  readonly leased: readonly DhcpHost[]
}

export interface SimulatedState {
  readonly domains: readonly SimulatedDomain[]
  readonly networks: readonly SimulatedNetwork[]
}

/** What goes wrong on the machine from now on; all are off by default. */
export interface Faults {
  /** From start to the first answer of the guest agent. */
  bootMs: number
  agentNever: boolean
  cloudInitErrors: readonly string[]
  defineFails: boolean
  startFails: boolean
  ignoresShutdown: boolean
  /** HTTP status by port, 0 where nothing listens; every other port answers 200. */
  services: Readonly<Record<number, number>>
  /** Every call rejects with `unavailable`; guests go on. Set it through `disconnect`. */
  connectionLost: boolean
}

export interface MachineOptions {
  /** State is read from and written to this JSON file, so that simulated guests outlive the process, as real ones do. */
  readonly file?: string
  /** Milliseconds. Guests that outlive the process need a clock that does: the default is Date.now. */
  readonly now?: () => number
  readonly faults?: Partial<Faults>
}

type Listener = (instance: string | null, event: HypervisorEvent) => void

function load(file: string | undefined): SimulatedState {
  const empty: SimulatedState = { domains: [], networks: [] }
  if (file === undefined) return empty
  try {
    // Written by `save` below and by nothing else.
    return JSON.parse(readFileSync(file, 'utf8')) as SimulatedState
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return empty
    throw error
  }
}

/** The simulated host: what libvirtd and QEMU are to the real driver. Any number of clients may share one. */
export class SimulatedMachine {
  readonly faults: Faults
  readonly now: () => number
  readonly #file: string | undefined
  readonly #listeners = new Set<Listener>()
  readonly #consoles = new Map<string, Duplex>()
  #state: SimulatedState

  constructor({ file, now = Date.now, faults = {} }: MachineOptions = {}) {
    this.#file = file
    this.now = now
    this.#state = load(file)
    this.faults = {
      bootMs: 0,
      agentNever: false,
      cloudInitErrors: [],
      defineFails: false,
      startFails: false,
      ignoresShutdown: false,
      services: {},
      connectionLost: false,
      ...faults,
    }
  }

  get state(): SimulatedState {
    return this.#state
  }

  save(state: SimulatedState): void {
    this.#state = state
    if (this.#file === undefined) return
    const partial = `${this.#file}.partial`
    writeFileSync(partial, JSON.stringify(state))
    renameSync(partial, this.#file)
  }

  find(instance: string, leaseId: Hex): SimulatedDomain | undefined {
    const wanted = leaseId.toLowerCase()
    return this.#state.domains.find(
      (domain) => domain.instance === instance && domain.spec.leaseId === wanted,
    )
  }

  put(domain: SimulatedDomain): void {
    if (domain.startedAt === null) this.#consoles.get(consoleOf(domain))?.destroy()
    const others = this.#state.domains.filter(
      ({ instance, spec }) => instance !== domain.instance || spec.leaseId !== domain.spec.leaseId,
    )
    this.save({ ...this.#state, domains: [...others, domain] })
  }

  remove(instance: string, leaseId: Hex): void {
    const gone = this.find(instance, leaseId)
    this.save({ ...this.#state, domains: this.#state.domains.filter((domain) => domain !== gone) })
  }

  /** The reader before is cut off. */
  openConsole(domain: SimulatedDomain): Duplex {
    const key = consoleOf(domain)
    this.#consoles.get(key)?.destroy()
    const stream = simulatedConsole(`vm-${domain.spec.leaseId.slice(2, 8)}`)
    this.#consoles.set(key, stream)
    stream.once('close', () => {
      if (this.#consoles.get(key) === stream) this.#consoles.delete(key)
    })
    return stream
  }

  emit(instance: string | null, event: HypervisorEvent): void {
    for (const listener of this.#listeners) listener(instance, event)
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The guest dies by itself, as in a kernel panic. */
  crash(instance: string, leaseId: Hex): void {
    const domain = this.find(instance, leaseId)
    if (domain?.state !== 'running') return
    this.put({ ...domain, state: 'crashed', startedAt: null })
    this.emit(instance, { kind: 'stopped', leaseId: domain.spec.leaseId, cause: 'crashed' })
  }

  /** The guest powers itself off, as by `poweroff` inside it. */
  powerOff(instance: string, leaseId: Hex): void {
    const domain = this.find(instance, leaseId)
    if (domain?.state !== 'running') return
    this.put({ ...domain, state: 'stopped', startedAt: null })
    this.emit(instance, { kind: 'stopped', leaseId: domain.spec.leaseId, cause: 'shutdown' })
  }

  /** A write of the guest finds the disks of the host full: QEMU pauses it. */
  runOutOfSpace(instance: string, leaseId: Hex): void {
    const domain = this.find(instance, leaseId)
    if (domain?.state !== 'running') return
    this.put({ ...domain, state: 'paused', pausedForSpace: true })
    this.emit(instance, { kind: 'paused', leaseId: domain.spec.leaseId })
  }

  disconnect(): void {
    this.faults.connectionLost = true
    this.emit(null, { kind: 'disconnected' })
  }

  reconnect(): void {
    this.faults.connectionLost = false
    this.emit(null, { kind: 'reconnected' })
  }

  /** Whether the guest agent of this domain answers by now. */
  agentAnswers(domain: SimulatedDomain): boolean {
    if (domain.state !== 'running' || domain.startedAt === null || this.faults.agentNever) return false
    return this.now() - domain.startedAt >= this.faults.bootMs
  }
}

const consoleOf = ({ instance, spec }: SimulatedDomain) => `${instance}:${spec.leaseId}`

/** 32 bytes that depend on the domain and the purpose alone. */
export function digestOf(domain: SimulatedDomain, purpose: string): Buffer {
  return createHash('sha256').update([domain.instance, domain.spec.leaseId, purpose].join('\0')).digest()
}
