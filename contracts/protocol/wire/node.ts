// What a node's agent answers about a lease, to whoever may see it.
import { z } from 'zod'
import { VM_STATUSES } from '../vm.ts'

export const CHECK_STATES = ['Pending', 'Checking', 'Ready', 'TimedOut', 'Failed'] as const

/** What the agent is doing for a lease, in the order of a good life. */
export const PHASES = [
  'Waiting',
  'OpeningManifest',
  'PreparingDisk',
  'Booting',
  'Activating',
  'Running',
  'Stopping',
  'Gone',
] as const
export type Phase = (typeof PHASES)[number]

const hex = z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]*$/)])

export const reasonSchema = z.strictObject({ code: z.string(), message: z.string() })

export const leaseStatusSchema = z.strictObject({
  leaseId: hex,
  vm: z.strictObject({
    status: z.enum(VM_STATUSES),
    phase: z.enum(PHASES),
    /** Why it stands where it stands, when that is not the good path. */
    reason: reasonSchema.nullable(),
    /** Unix seconds of the last change of status or phase. */
    since: z.int().nonnegative(),
  }),
  /** Of each kind of order that is carried out once: when the newest one was issued that the node has taken up; Unix ms. */
  served: z.strictObject({ reboot: z.int(), reinstall: z.int(), restore: z.int() }),
  readiness: z.array(
    z.strictObject({ name: z.string(), state: z.enum(CHECK_STATES), message: z.string().nullable() }),
  ),
  /** Null until the guest itself has reported an address and its host key. */
  ssh: z
    .strictObject({
      host: z.string(),
      port: z.int().min(1).max(65_535),
      user: z.string(),
      /** SHA-256 of the ed25519 host key, as posted on chain at activation. */
      hostKeyFingerprint: hex,
      /** The public half itself, for a known_hosts line. */
      hostKey: z.string(),
    })
    .nullable(),
})
export type LeaseStatusReport = z.output<typeof leaseStatusSchema>

/** For the operator: the leases that the node has a record of. */
export const leaseListSchema = z.strictObject({ leases: z.array(leaseStatusSchema) })

const count = z.int().nonnegative()

/**
 * What the machine of a lease has used since it was last started, as its node counts it. Null: the machine is off, or
 * the node does not say. Bytes and packets are seen from the machine.
 */
export const leaseUsageSchema = z.strictObject({
  leaseId: hex,
  /** Unix seconds; null while the node cannot ask its hypervisor. */
  sampledAt: count.nullable(),
  cpuSeconds: z.number().nonnegative().nullable(),
  /** Of the host's memory, what the machine holds now. */
  memoryBytes: count.nullable(),
  disk: z
    .strictObject({ readBytes: count, writtenBytes: count, readRequests: count, writeRequests: count })
    .nullable(),
  net: z
    .strictObject({
      receivedBytes: count,
      sentBytes: count,
      receivedPackets: count,
      sentPackets: count,
      droppedPackets: count,
    })
    .nullable(),
})
export type LeaseUsage = z.output<typeof leaseUsageSchema>
