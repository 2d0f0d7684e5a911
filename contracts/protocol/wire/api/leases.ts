import { z } from 'zod'
import { END_REASONS, LEASE_STATUSES } from '../../lease.ts'
import { CHECK_STATES } from '../node.ts'
import {
  addressParam,
  addressText,
  bigintText,
  hexText,
  indexText,
  nextCursor,
  pagingFields,
  wordText,
} from './values.ts'

const termsSchema = z.object({
  tenant: addressText,
  node: z.int(),
  vcpus: z.int(),
  tier: z.int(),
  bandwidth: z.int(),
  gpus: z.int(),
  memoryMiB: z.int(),
  diskGiB: z.int(),
  region: hexText,
  maxPricePerHour: bigintText,
  deposit: bigintText,
  holdBack: z.int(),
  minNotice: z.int(),
  activateWithin: z.int(),
  template: z.int(),
  templateVersion: z.int(),
  maxTemplateFee: bigintText,
  manifestHash: wordText,
  salt: wordText,
})

export const leaseStatusSchema = z.enum(LEASE_STATUSES).exclude(['None'])
export const leaseSchema = z.object({
  leaseId: wordText,
  status: leaseStatusSchema,
  tenant: addressText,
  node: z.int(),
  terms: termsSchema,
  requestedAtBlock: bigintText,
  pricePerHour: bigintText,
  minCharge: z.int(),
  notice: z.int(),
  platformBps: z.int(),
  relay: z.int(),
  relayBps: z.int(),
  activateBy: z.int(),
  startedAt: z.int(),
  hostKeyFingerprint: wordText.nullable(),
  deposited: bigintText,
  settled: bigintText,
  holdBack: z.int(),
  endReason: z.enum(END_REASONS),
  endedAt: z.int(),
  refunded: bigintText,
  /** The figures below are computed for this second: the timestamp of the newest block. */
  at: z.int(),
  due: bigintText,
  vested: bigintText,
  /** First second at which everything paid in is due; 0 while the lease is not active. */
  runsOutAt: z.int(),
  /** Seconds left until then; `null` while the lease is not active. */
  runwaySeconds: z.int().nullable(),
})
export type ApiLease = z.output<typeof leaseSchema>

export const leasesQuerySchema = z.strictObject({
  tenant: addressParam.optional(),
  node: indexText.optional(),
  status: leaseStatusSchema.optional(),
  ...pagingFields,
})
export const leasesSchema = z.object({ leases: z.array(leaseSchema), next: nextCursor })
export const leaseParams = z.strictObject({ leaseId: wordText })
export const leaseDetailSchema = leaseSchema.extend({
  /** The sealed manifest that was opened with the lease, `0x` when none was. */
  manifest: hexText,
  /** From when the operator may reclaim; 0 while no notice was given. */
  reclaimAt: z.int(),
  /** Downtime given back, seconds. */
  credited: z.int(),
  renewal: z.object({ amount: bigintText, budget: bigintText, runway: z.int() }),
})

export const leaseEventSchema = z.object({
  contract: z.string(),
  name: z.string(),
  /** As in the contract's ABI; bigint as decimal text. */
  args: z.record(z.string(), z.unknown()),
  block: bigintText,
  logIndex: z.int(),
  transaction: wordText,
  at: z.int(),
})
export const leaseEventsQuerySchema = z.strictObject({ ...pagingFields })
/** Oldest first. */
export const leaseEventsSchema = z.object({ events: z.array(leaseEventSchema), next: nextCursor })

export const leaseReadinessSchema = z.object({
  leaseId: wordText,
  /** Of the beat in which the lease's node last spoke of it; `null` when this keeper heard of none. */
  heardAt: z.int().nullable(),
  /** Ready only when all of the guest's services are. */
  state: z.enum(CHECK_STATES).nullable(),
})

export const collaboratorsSchema = z.object({
  collaborators: z.array(
    z.object({
      account: addressText,
      level: z.enum(['Viewer', 'User', 'Manager']),
      since: z.int(),
      /** X25519; `null` until the account published one. */
      sealingKey: wordText.nullable(),
    }),
  ),
})
/** Leases of others that one may use. */
export const sharedLeasesSchema = z.object({
  leases: z.array(
    z.object({ leaseId: wordText, level: z.enum(['Viewer', 'User', 'Manager']), since: z.int() }),
  ),
})

export const accountParams = z.strictObject({ account: addressParam })
export const accountSchema = z.object({
  account: addressText,
  /** Internal balance in the escrow. */
  balance: bigintText,
})
