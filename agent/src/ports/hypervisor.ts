import type { Duplex } from 'node:stream'
import type { Hex } from 'viem'

/** kvm: hardware; tcg: QEMU's translator, real but slow; simulated: no guest at all, for tests and demos. */
type Acceleration = 'kvm' | 'tcg' | 'simulated'
export type Architecture = 'x86_64' | 'aarch64'

export interface HypervisorCapabilities {
  readonly acceleration: Acceleration
  readonly arch: Architecture
  /** Architectures of the guests it runs: its own, and another only where the configuration allows to emulate it. */
  readonly guestArchs: readonly Architecture[]
  /** Why this acceleration was chosen, as one sentence for the operator. */
  readonly reason: string
}

/** Direct kernel boot skips firmware and boot loader; firmware boots the whole disk. */
export type BootSpec =
  | { readonly kind: 'kernel'; readonly kernel: string; readonly initrd: string; readonly cmdline: string }
  | { readonly kind: 'firmware'; readonly firmware: 'bios' | 'uefi' }

/**
 * cgroup CPU limits of a guest as a whole, its emulator threads included. `quotaUs` is the time that it may run in each
 * `periodUs`; absent means unlimited.
 */
export interface CpuLimits {
  readonly shares?: number
  readonly periodUs?: number
  readonly quotaUs?: number
}

/** One direction of a guest's link: kilobytes a second on average and at the peak, kilobytes in one burst. */
export interface BandwidthShape {
  readonly average: number
  readonly peak?: number
  readonly burst?: number
}

/** Seen from the guest: inbound is what it receives. */
export interface BandwidthLimits {
  readonly inbound?: BandwidthShape
  readonly outbound?: BandwidthShape
}

/** All that a guest is, as plain data. Paths are absolute. */
export interface DomainSpec {
  readonly leaseId: Hex
  /** Counts the specs this lease has had; a larger one replaces a smaller one. */
  readonly generation: number
  /** Hash over whatever the caller regards as the spec; stored with the domain, given back by `list`. */
  readonly specHash: Hex
  readonly vcpus: number
  readonly memoryMiB: number
  /** The lease's own overlay, and the shared base it stands on, which the guest's process must never own. */
  readonly diskPath: string
  readonly baseDiskPath: string
  readonly seedPath: string
  readonly boot: BootSpec
  readonly network: { readonly name: string; readonly mac: string }
  readonly cpu?: CpuLimits
  readonly bandwidth?: BandwidthLimits
  /** Of the image; without it, the machine's own. */
  readonly arch?: Architecture
  /** PCI addresses (0000:01:00.0) of the devices handed to the guest, whole IOMMU groups of them. */
  readonly gpus?: readonly string[]
}

/** The host's side of a running guest's interface. */
export interface LiveNic {
  /** Name of the tap device. It changes with every start. */
  readonly device: string
  readonly mac: string
  /** Reserved for it on its network; null when none is. */
  readonly ip: string | null
  /** What the hypervisor itself holds the interface to; null for nothing. */
  readonly bandwidth: BandwidthLimits | null
}

/** 'stopped' covers a clean power-off; 'crashed' is a guest that died. 'unknown' is never proof of absence. */
export type DomainState = 'running' | 'paused' | 'stopping' | 'stopped' | 'crashed' | 'unknown'

export interface DomainRecord {
  readonly leaseId: Hex
  readonly generation: number
  readonly specHash: Hex
  readonly state: DomainState
  /** Of a paused guest: its own write failed for want of space, and it loses nothing by waiting. */
  readonly pausedForSpace?: boolean
}

/**
 * A hint, never the truth: events are lost while the connection is down, so a subscriber that sees
 * `reconnected` lists the domains again.
 */
export type HypervisorEvent =
  | { readonly kind: 'defined' | 'undefined' | 'started' | 'paused' | 'resumed'; readonly leaseId: Hex }
  | {
      readonly kind: 'stopped'
      readonly leaseId: Hex
      readonly cause: 'shutdown' | 'destroyed' | 'crashed' | 'failed'
    }
  | { readonly kind: 'agent-connected' | 'agent-disconnected'; readonly leaseId: Hex }
  | { readonly kind: 'disconnected' | 'reconnected' }

/** A private guest network that the agent owns; addresses come from `subnet` (an IPv4 /16 to /29 in CIDR). */
export interface NetworkSpec {
  readonly name: string
  readonly subnet: string
  /** nat: guests reach the outside through the host; isolated: only the host. Never one another. */
  readonly mode: 'nat' | 'isolated'
}

/**
 * What a running guest has used since it was started, as the host counts it. All of them only grow until the guest is
 * off, but for `memoryBytes`. null: this hypervisor does not say.
 */
export interface GuestStats {
  readonly leaseId: Hex
  /** CPU time of the whole guest, its emulator threads included. */
  readonly cpuSeconds: number | null
  /** Of the host's memory, what its process holds now. */
  readonly memoryBytes: number | null
  /** Over all disks. */
  readonly disk: {
    readonly readBytes: number
    readonly writtenBytes: number
    readonly readRequests: number
    readonly writeRequests: number
  } | null
  /** Seen from the guest: received is what came to it. */
  readonly net: {
    readonly receivedBytes: number
    readonly sentBytes: number
    readonly receivedPackets: number
    readonly sentPackets: number
    readonly droppedPackets: number
  } | null
}

export interface GuestExecResult {
  /** null when a signal ended the process. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface GuestInterface {
  readonly name: string
  readonly mac: string
  /** Without prefix length; loopback and link-local addresses are left out. */
  readonly ipv4: readonly string[]
  readonly ipv6: readonly string[]
}

export type HypervisorErrorCode =
  | 'unavailable' // no daemon, connection lost: retry later
  | 'not-found' // no such domain or network of ours
  | 'already-exists'
  | 'address-taken' // another guest of this network has the MAC, and with it the IP address: do not retry
  | 'invalid' // the spec itself is wrong: do not retry
  | 'refused' // the hypervisor or host would not do it
  | 'wrong-state' // e.g. start of a running guest
  | 'agent-not-ready' // the guest agent does not answer yet, or the guest is off
  | 'agent-error' // the guest agent answered with an error
  | 'timeout'
  | 'closed' // this client has been closed

export class HypervisorError extends Error {
  override readonly name = 'HypervisorError'
  readonly code: HypervisorErrorCode
  /** What the driver knows beyond the code, e.g. libvirt's own error number and domain. */
  readonly detail: Readonly<Record<string, string | number>>

  constructor(
    code: HypervisorErrorCode,
    message: string,
    options: { cause?: unknown; detail?: Readonly<Record<string, string | number>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.detail = options.detail ?? {}
  }
}

/**
 * The machine's hypervisor as one agent sees it: only domains that carry this agent's metadata exist here.
 * Guests outlive this client. Every method rejects with HypervisorError, at the latest when its deadline passes.
 */
export interface Hypervisor {
  readonly capabilities: HypervisorCapabilities

  list(): Promise<readonly DomainRecord[]>
  /**
   * Makes the guest known, does not start it. already-exists if the lease has a domain; address-taken if the MAC is
   * another's: it follows from the lease's id, which its tenant chooses, and can be made to be a neighbour's.
   */
  define(spec: DomainSpec): Promise<void>
  /** wrong-state if it runs. Makes sure that its network address is reserved first. */
  start(leaseId: Hex): Promise<void>
  /** Asks the guest to power off and returns; `stopped` follows, or not. A guest that is off stays off: no error. */
  shutdown(leaseId: Hex): Promise<void>
  /** Cuts the power. Disks are never touched. A guest that is off stays off: no error. */
  destroy(leaseId: Hex): Promise<void>
  /** Lets a paused guest go on. A guest that runs goes on running: no error. */
  resume(leaseId: Hex): Promise<void>
  /** Forgets a stopped guest and frees its address; files stay. wrong-state if it runs, no error if it is unknown. */
  undefine(leaseId: Hex): Promise<void>

  /** Replaces the limits of the running guest until it is off; a quota left out is lifted. wrong-state if it is off. */
  setCpu(leaseId: Hex, limits: CpuLimits): Promise<void>
  /** As the host enforces them now, read back from it; null when the guest is off. */
  cpuOf(leaseId: Hex): Promise<CpuLimits | null>
  /** null when the guest is off. */
  nicOf(leaseId: Hex): Promise<LiveNic | null>
  /** What the guest may take at most, running or not. */
  sizeOf(leaseId: Hex): Promise<{ readonly vcpus: number; readonly memoryMiB: number }>

  /** Of every guest that is on, in one question; a guest that is off has none. */
  stats(): Promise<readonly GuestStats[]>

  /** Resolves when the guest agent answers, else rejects with agent-not-ready. */
  ping(leaseId: Hex, timeoutMs?: number): Promise<void>
  /** Runs argv inside the guest as root, without a shell, `input` on its standard input. timeout if it is still running after `timeoutMs`. */
  exec(
    leaseId: Hex,
    argv: readonly [string, ...string[]],
    timeoutMs?: number,
    input?: string,
  ): Promise<GuestExecResult>
  /** null until the guest agent has reported: an address is never guessed. */
  interfaces(leaseId: Hex): Promise<readonly GuestInterface[] | null>
  /** Changes with every boot of the guest's kernel; null until the guest agent has reported. */
  bootId(leaseId: Hex): Promise<string | null>

  /**
   * The guest's first serial port: what it prints from now on, and what is typed into it. One reader at a time: the stream
   * of the one before is closed. It is closed too when the guest goes off, or the hypervisor is lost; destroy it to let go.
   * Bytes that nobody reads fast enough are dropped, as on any serial line. wrong-state if the guest is off.
   */
  openConsole(leaseId: Hex): Promise<Duplex>

  /** Creates the network if it is absent. refused if its range collides with another, named in the message. */
  ensureNetwork(network: NetworkSpec): Promise<void>
  /** No error if it is unknown. wrong-state while guests of ours are attached and running. */
  removeNetwork(name: string): Promise<void>

  /** Returns the function that ends the subscription. */
  subscribe(listener: (event: HypervisorEvent) => void): () => void
  /** Frees threads, handles and connection; guests and networks stay. Later calls reject with `closed`. */
  close(): Promise<void>
}
