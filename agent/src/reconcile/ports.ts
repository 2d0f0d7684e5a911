// What the reconciler needs of the world besides the ports of the machine.
import type { LeaseView, Manifest, ReadinessCheck } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import type { LeaseSight } from '../domain/desired.ts'
import type { Outage, OutageCause } from '../domain/outage.ts'
import type { Observation } from '../domain/readiness.ts'
import type { VmRecord } from '../domain/vm.ts'
import type { Wish } from '../domain/wish.ts'
import type { GuestKeys } from '../guest/access-update.ts'
import type { EventLog } from '../ports/events.ts'
import type { GuestConfig, SystemCheck } from '../ports/guest.ts'
import type { Hypervisor } from '../ports/hypervisor.ts'
import type { LeaseKeyStore } from '../ports/lease-keys.ts'
import type { DiskStore, ImageStore, SeedFiles, SeedStore } from '../ports/storage.ts'
import type { Resources } from './resources.ts'

export type ChainSnapshot = {
  /** False while the feed is syncing, stale or in disagreement: nothing may be taken down then. */
  readonly fresh: boolean
  /** Unix seconds on the chain's clock; null before the first block was seen. */
  readonly chainNow: number | null
  readonly leases: ReadonlyMap<Hex, LeaseSight>
}

export type Funds = { readonly agent: Address; readonly balance: bigint; readonly needed: bigint }

/** Every method rejects with a DecloudError; a question that cannot be answered is never answered with "no". */
export interface LeaseChain {
  readonly node: number
  snapshot(): ChainSnapshot
  /** Called with the leases touched, or null when any may have been. @returns unsubscribe. */
  subscribe(listener: (leaseIds: readonly Hex[] | null) => void): () => void
  /** Storage at a finalized block says that the lease has ended. */
  confirmEnded(leaseId: Hex): Promise<boolean>
  /** Storage says, at a finalized block and at the newest one, that the paid time is used up. */
  confirmDepleted(leaseId: Hex): Promise<boolean>
  /** As storage has it at the newest block. */
  tenantOf(leaseId: Hex): Promise<Address>
  /** Resolves once the lease is active, by this call or an earlier one. */
  activate(leaseId: Hex, hostKeyFingerprint: Hex): Promise<void>
  /** Resolves once the lease is no longer waiting for an activation. */
  expire(leaseId: Hex): Promise<void>
  /** Wei that the agent holds, and wei that an activation may take. */
  funds(): Promise<Funds>
}

/** @throws DecloudError `manifest-…`. */
export type OpenManifest = (lease: LeaseView) => Promise<Manifest>

/** Records of VMs; every write is on disk when the call returns. */
export interface VmStore {
  get(leaseId: Hex): VmRecord | null
  all(): readonly VmRecord[]
  put(vm: VmRecord): void
}

/** What was off against its tenant's wish; every write is on disk when the call returns. */
export interface OutageStore {
  /** The one that lasts; null for none. */
  lasting(leaseId: Hex): Outage | null
  of(leaseId: Hex): readonly Outage[]
  /** No-op while one lasts. It begins after the end of the one before, whatever `fromMs` says. */
  begin(leaseId: Hex, fromMs: number, cause: OutageCause): void
  /** No-op while none lasts; never before its beginning. */
  end(leaseId: Hex, toMs: number): void
  /** Those that are over and not given back yet, the oldest first. */
  uncredited(): readonly Outage[]
  markCredited(leaseId: Hex, fromMs: number, atMs: number): void
}

/**
 * What tenants have ordered, by signature or on chain. A reinstall or restore ordered on chain counts once it is final;
 * `of` answers at once, from what is stored.
 */
export interface Wishes {
  of(leaseId: Hex): Wish
  /** @returns unsubscribe. */
  subscribe(listener: (leaseId: Hex) => void): () => void
}

export interface Machine {
  /** MiB that a new guest could take without swapping. */
  availableMemoryMiB(): Promise<number>
  /** Bytes free where the disks of guests lie. */
  availableDiskBytes(): Promise<number>
  /** What the machine has in all; null for what it does not say. */
  totals(): Promise<MachineTotals>
  /** Bytes of those that are to stay free there. */
  readonly diskReserveBytes: number
}

type MachineTotals = {
  readonly memoryMiB: number | null
  /** Bytes of the file system on which the disks of guests lie. */
  readonly diskBytes: number | null
  /** Logical CPUs that this process may use. */
  readonly cpus: number | null
}

interface GuestTools {
  seedFiles(config: GuestConfig): SeedFiles
  check(leaseId: Hex): Promise<SystemCheck>
  /** One look at a service of a guest that is ready. @param ipv4 as the guest reported it. */
  /** @returns null once the guest lets these in, else why it does not yet. */
  updateAccess(leaseId: Hex, keys: GuestKeys): Promise<string | null>
  look(leaseId: Hex, check: ReadinessCheck, ipv4: string): Promise<Observation>
  macOf(leaseId: Hex): string
  /** The node's own address on the guests' network. */
  readonly nodeAddress: string
}

export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type Deps = {
  readonly chain: LeaseChain
  readonly openManifest: OpenManifest
  /** What the manifest in force opens to, as far as the chain is in sight. */
  manifestHash(lease: LeaseView): Hex
  readonly hypervisor: Hypervisor
  readonly images: ImageStore
  readonly disks: DiskStore
  readonly seeds: SeedStore
  readonly keys: LeaseKeyStore
  readonly guest: GuestTools
  readonly machine: Machine
  readonly store: VmStore
  readonly resources: Resources
  readonly outages: OutageStore
  readonly wishes: Wishes
  readonly events: EventLog
  readonly networkName: string
  readonly log: Log
  readonly nowMs: () => number
  /** Uniform in [0, 1). */
  readonly random: () => number
}
