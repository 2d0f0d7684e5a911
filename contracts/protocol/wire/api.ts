// The keeper's read API. One schema serves the server (it encodes), the dApp (it decodes) and the OpenAPI document.
// Amounts are µUSDC and prices µUSDC per hour, as decimal strings on the wire and bigint in code; times unix seconds.
import { z } from 'zod'
import { END_REASONS, LEASE_STATUSES } from '../lease.ts'
import type { Resources } from '../pricing.ts'
import { addressText, bigintText, hexText, queryFlag, wordText } from './api/values.ts'

export { addressText, bigintText, hexText, wordText }

/** The guest by whose price nodes are compared: 1 Standard vCPU, 1 GiB, 10 GiB of disk, Standard bandwidth. */
export const REFERENCE_GUEST: Resources = {
  vcpus: 1,
  tier: 1,
  bandwidth: 1,
  gpus: 0,
  memoryMiB: 1_024,
  diskGiB: 10,
}

const pricesSchema = z.object({
  point: bigintText,
  memoryGiB: bigintText,
  diskGiB: bigintText,
  gpu: bigintText,
})
const capacitySchema = z.object({
  pointUnits: bigintText,
  memoryMiB: bigintText,
  diskGiB: bigintText,
  gpus: z.int(),
})

export const nodeSchema = z.object({
  node: z.int(),
  nodeId: wordText,
  operator: addressText,
  agent: addressText,
  /** Whether new leases may be assigned; says nothing about whether the machine is up. */
  active: z.boolean(),
  region: z.string(),
  endpoint: z.string(),
  sealingKey: wordText,
  sealingKeyEpoch: z.int(),
  minCharge: z.int(),
  notice: z.int(),
  capacity: capacitySchema,
  free: capacitySchema,
  /** Whether the operator set prices of their own; else the platform's defaults apply. */
  hasCustomPricing: z.boolean(),
  /** The prices a lease opened now would get: own or default, raised to the floor. */
  prices: pricesSchema,
  /** Price of the reference guest on this node. */
  referencePricePerHour: bigintText,
  /** Earned and not yet withdrawn. */
  earned: bigintText,
})
export type ApiNode = z.output<typeof nodeSchema>

export const nodesQuerySchema = z.object({
  region: z.string().max(8).optional(),
  /** Highest price of the reference guest, µUSDC per hour. */
  maxPrice: bigintText.optional(),
  active: queryFlag.optional(),
  sort: z.enum(['price', 'capacity']).default('price'),
})
export const nodesSchema = z.object({ nodes: z.array(nodeSchema) })

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

export const leasesQuerySchema = z.object({
  tenant: addressText.optional(),
  node: z.coerce.number().int().min(1).max(0xffff_ffff).optional(),
  status: leaseStatusSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `next` of the page before. */
  cursor: z.string().max(200).optional(),
})
export const leasesSchema = z.object({ leases: z.array(leaseSchema), next: z.string().nullable() })
export const leaseDetailSchema = leaseSchema.extend({
  /** The sealed manifest that was opened with the lease, `0x` when none was. */
  manifest: hexText,
})

export const accountSchema = z.object({
  account: addressText,
  /** Internal balance in the escrow. */
  balance: bigintText,
})

/** RFC 9457. `code` is for programs, `title` and `detail` for people. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
})
export type ApiProblem = z.output<typeof problemSchema>
