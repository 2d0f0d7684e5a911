// What a node says of its own machine, signed by its agent: hardware, benchmark, the guest that it booted to prove
// itself. A statement, not a proof: the signature says who claims it and keeps others from altering it. What an auditor
// vouches for is on chain (`NodeRegistry.attest`).
//
// Signed as EIP-712 typed data over the canonical JSON (RFC 8785) of the facts: a statement has exactly one spelling,
// and its domain binds chain and registry.
import canonicalize from 'canonicalize'
import { type Address, type Hex, isAddressEqual, recoverTypedDataAddress } from 'viem'
import { z } from 'zod'
import { DecloudError } from '../errors.ts'

/** Of a signed statement as JSON; a machine with all of the lists full takes about 40,000. */
export const MAX_FACTS_BYTES = 65_536
/** How far ahead of a keeper's clock an agent's may be, in seconds. */
export const FACTS_EARLY_SECONDS = 300

const text = z.string().min(1).max(200)
const seconds = z
  .int()
  .min(0)
  .max(2 ** 40)
const count = z
  .int()
  .min(0)
  .max(2 ** 40)
const figure = z
  .number()
  .min(0)
  .max(2 ** 50)

/** A value, or why there is none: nothing in between, and no value that stands for "not known". */
const known = <schema extends z.ZodType>(value: schema) =>
  z.union([z.strictObject({ value }), z.strictObject({ unknown: text })])
export type Known<value> = { value: value } | { unknown: string }

export const DISK_KINDS = ['hdd', 'ssd', 'nvme', 'virtual'] as const
export type DiskKind = (typeof DISK_KINDS)[number]

/**
 * public: the machine's own address is seen outside; nat: another one is; carrier-grade: a carrier's shared range
 * (100.64.0.0/10) lies in between.
 */
export const NAT_CLASSES = ['public', 'nat', 'carrier-grade'] as const
export type NatClass = (typeof NAT_CLASSES)[number]

export const cpuFactsSchema = z.strictObject({
  architecture: known(text),
  vendor: known(text),
  model: known(text),
  sockets: known(count),
  /** Of all sockets. */
  cores: known(count),
  threads: known(count),
  /** Those of the list that the agent looks for. */
  flags: known(z.array(z.string().regex(/^[a-z0-9_]{1,32}$/)).max(64)),
})
export type CpuFacts = z.output<typeof cpuFactsSchema>

export const diskFactsSchema = z.strictObject({
  name: text,
  model: known(text),
  sizeBytes: known(z.int().min(0)),
  kind: known(z.enum(DISK_KINDS)),
  /** Whether the disks of guests lie on it. */
  holdsData: known(z.boolean()),
})
export type DiskFacts = z.output<typeof diskFactsSchema>

export const gpuFactsSchema = z.strictObject({
  /** 0000:01:00.0 */
  address: z.string().regex(/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/),
  vendor: known(text),
  model: known(text),
  /** PCI vendor and device, for example 10de:2204. */
  ids: known(z.string().regex(/^[0-9a-f]{4}:[0-9a-f]{4}$/)),
  iommuGroup: known(text),
  /** Which driver of the host holds it. */
  driver: known(text),
})
export type GpuFacts = z.output<typeof gpuFactsSchema>

export const benchmarkFactsSchema = z.strictObject({
  takenAt: seconds,
  /** See `POINT_BASELINE`. */
  baseline: text,
  /** sysbench events a second of one core, the best of `runs`; seconds are those that the run had the core for. */
  eventsPerSecond: figure,
  runs: count,
  /** Whether the two best runs agree; else the machine was too busy to say. */
  steady: z.boolean(),
  /** 12 to a point. */
  pointUnits: known(count),
  /** Events a second of all threads together. */
  allThreads: known(figure),
  memoryMiBPerSecond: known(figure),
  /** Written in a row to the disk of the guests, and how long one small write takes to be safe there. */
  diskMiBPerSecond: known(figure),
  diskSyncMs: known(figure),
})
export type BenchmarkFacts = z.output<typeof benchmarkFactsSchema>

export const PROBE_OUTCOMES = ['passed', 'failed', 'simulated'] as const

export const probeFactsSchema = z.strictObject({
  takenAt: seconds,
  outcome: z.enum(PROBE_OUTCOMES),
  /** What guests run on here after all that was tried; null when none booted. */
  acceleration: z.enum(['kvm', 'tcg']).nullable(),
  /** Whether KVM boots guests here, where the machine shows it: some show it and never do. */
  kvm: z.enum(['boots', 'never-boots', 'not-tried']),
  image: text,
  /** SHA-256 of the image's disk, 64 hex digits; null before it was read. */
  imageSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  secondsToReady: figure.nullable(),
  /** For people: what happened, above all when it did not go well. */
  message: z.string().min(1).max(600),
})
export type ProbeFacts = z.output<typeof probeFactsSchema>

export const machineFactsSchema = z.strictObject({
  takenAt: seconds,
  cpu: cpuFactsSchema,
  memoryMiB: known(count),
  disks: known(z.array(diskFactsSchema).max(64)),
  /** Of the file system that the disks of guests lie on. */
  dataGiB: known(count),
  gpus: known(z.array(gpuFactsSchema).max(32)),
  nat: known(z.enum(NAT_CLASSES)),
  /** Whether hardware runs guests here, by what the machine shows; the probe is what proves it. */
  kvm: z.strictObject({ usable: z.boolean(), reason: text }),
  manufacturer: known(text),
  product: known(text),
  firmware: known(text),
})
export type MachineFacts = z.output<typeof machineFactsSchema>

export const nodeFactsSchema = z.strictObject({
  /** Registry index. */
  node: z
    .int()
    .min(1)
    .max(2 ** 32 - 1),
  signedAt: seconds,
  version: z.string().regex(/^[0-9A-Za-z.+-]{1,32}$/),
  machine: known(machineFactsSchema),
  benchmark: known(benchmarkFactsSchema),
  probe: known(probeFactsSchema),
})
export type NodeFacts = z.output<typeof nodeFactsSchema>

export const signedFactsSchema = z.strictObject({
  facts: nodeFactsSchema,
  signature: z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]{130}$/)]),
})
export type SignedFacts = z.output<typeof signedFactsSchema>

/** Where a statement counts: none for one deployment is good for another. */
export type FactsScope = { chainId: number; nodeRegistry: Address }

/** Canonical JSON: facts are plain by their schema, so that there is nothing in them that could not be written. */
export const factsText = (facts: NodeFacts): string => canonicalize(facts) as string

/** For `signTypedData`, by the node's agent. */
export const factsTypedData = ({ chainId, nodeRegistry }: FactsScope, facts: NodeFacts) =>
  ({
    domain: { name: 'DeCloud Node Facts', version: '1', chainId, verifyingContract: nodeRegistry },
    types: {
      Facts: [
        { name: 'node', type: 'uint32' },
        { name: 'signedAt', type: 'uint64' },
        { name: 'facts', type: 'string' },
      ],
    },
    primaryType: 'Facts',
    message: {
      node: facts.node,
      signedAt: BigInt(facts.signedAt),
      facts: factsText(facts),
    },
  }) as const

type FactsSigner = { signTypedData(data: ReturnType<typeof factsTypedData>): Promise<Hex> }

/** @throws whatever the signer throws; ZodError when the facts are not of the schema. */
export const signFacts = async (
  scope: FactsScope,
  facts: NodeFacts,
  signer: FactsSigner,
): Promise<SignedFacts> => {
  const checked = nodeFactsSchema.parse(facts)
  const signature = await signer.signTypedData(factsTypedData(scope, checked))
  return signedFactsSchema.parse({ facts: checked, signature })
}

/**
 * @param agent of the node, as the registry has it.
 * @throws DecloudError `facts-not-agents` when anybody else signed, or somebody signed anything else.
 */
export const verifyFacts = async (
  scope: FactsScope,
  { facts, signature }: SignedFacts,
  agent: Address,
): Promise<void> => {
  const signer = await recoverTypedDataAddress({ ...factsTypedData(scope, facts), signature }).catch(
    () => null,
  )
  if (signer !== null && isAddressEqual(signer, agent)) return
  throw new DecloudError('facts-not-agents', `The facts of node ${facts.node} are not signed by its agent.`, {
    hint: `The agent of node ${facts.node} is ${agent} on chain ${scope.chainId}, registry ${scope.nodeRegistry}.`,
    details: { node: facts.node, agent },
  })
}
