// "I am here": what a node's agent signs once in each slot of 15 s, and what a keeper checks of it. A beat is *for* a
// slot, so that the same one heard twice, from whomever, says nothing new.
//
// Signed as EIP-712 typed data by the agent's key in the registry. That key also signs transactions: typed data can be
// mistaken neither for one nor for a text shown to a person, and its domain binds chain and registry, so a beat means
// nothing anywhere else. On the wire it is canonical JSON (RFC 8785): a beat has exactly one spelling, so nobody can
// make a second message out of it that gossip would carry as new.
import canonicalize from 'canonicalize'
import { type Address, type Hex, isAddressEqual, recoverTypedDataAddress } from 'viem'
import { z } from 'zod'
import { DecloudError } from '../errors.ts'
import { CHECK_STATES } from './node.ts'

export const SLOT_SECONDS = 15
export const SLOTS_PER_DAY = 5_760
/** A node that no beat came from for so many slots, two minutes, is offline. */
export const OFFLINE_SLOTS = 8
/** A beat may come so many slots late, and no later: what was counted after that stays as it was counted. */
export const LATE_SLOTS = 8
/** How far ahead of the keeper's clock an agent's may be. */
export const EARLY_SLOTS = 1
/** Leases named in one beat; of a node with more, `omitted` counts the rest. */
export const MAX_BEAT_LEASES = 64
/** Of the message; 64 leases take about 7,000. */
export const MAX_BEAT_BYTES = 8_192

export const slotAt = (unixSeconds: number): number => Math.floor(unixSeconds / SLOT_SECONDS)

/** Where a beat counts: no beat for one deployment is good for another. */
export type BeatScope = { chainId: number; nodeRegistry: Address }

/** The gossip topic of a deployment. */
export const beatTopic = ({ chainId, nodeRegistry }: BeatScope): string =>
  `/decloud/${chainId}/${nodeRegistry.toLowerCase()}/beats/1`

const hexOf = (bytes: number) =>
  z.templateLiteral(['0x', z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`))])

const uint32 = z
  .int()
  .min(0)
  .max(2 ** 32 - 1)

export const beatSchema = z.strictObject({
  /** Registry index. */
  node: uint32.min(1),
  /** Unix seconds / 15, floored. */
  slot: uint32,
  /** Grows with every start of the agent. */
  bootId: z.int().min(0),
  version: z.string().regex(/^[0-9A-Za-z.+-]{1,32}$/),
  /** What a new guest could have, as the agent sees it; the contract's books are what counts. */
  free: z.strictObject({ memoryMiB: uint32, diskGiB: uint32 }),
  /** How the guests are, in ascending order of lease id. */
  leases: z
    .array(z.strictObject({ leaseId: hexOf(32), state: z.enum(CHECK_STATES) }))
    .max(MAX_BEAT_LEASES)
    .refine(
      (leases) => leases.every(({ leaseId }, i) => i === 0 || leases[i - 1]!.leaseId < leaseId),
      'must be in ascending order of lease id',
    ),
  omitted: uint32,
})
export type Beat = z.output<typeof beatSchema>

export const signedBeatSchema = z.strictObject({ beat: beatSchema, signature: hexOf(65) })
export type SignedBeat = z.output<typeof signedBeatSchema>

/** For `signTypedData`, by the node's agent. */
export const beatTypedData = ({ chainId, nodeRegistry }: BeatScope, beat: Beat) =>
  ({
    domain: { name: 'DeCloud Heartbeat', version: '1', chainId, verifyingContract: nodeRegistry },
    types: {
      Beat: [
        { name: 'node', type: 'uint32' },
        { name: 'slot', type: 'uint32' },
        { name: 'bootId', type: 'uint64' },
        { name: 'version', type: 'string' },
        { name: 'free', type: 'Free' },
        { name: 'leases', type: 'Service[]' },
        { name: 'omitted', type: 'uint32' },
      ],
      Free: [
        { name: 'memoryMiB', type: 'uint32' },
        { name: 'diskGiB', type: 'uint32' },
      ],
      Service: [
        { name: 'leaseId', type: 'bytes32' },
        { name: 'state', type: 'string' },
      ],
    },
    primaryType: 'Beat',
    message: { ...beat, bootId: BigInt(beat.bootId) },
  }) as const

type BeatSigner = { signTypedData(data: ReturnType<typeof beatTypedData>): Promise<Hex> }

/** @throws whatever the signer throws. */
export const signBeat = async (scope: BeatScope, beat: Beat, signer: BeatSigner): Promise<SignedBeat> => ({
  beat,
  signature: await signer.signTypedData(beatTypedData(scope, beat)),
})

export const encodeBeat = (signed: SignedBeat): Uint8Array => new TextEncoder().encode(canonicalize(signed)!)

/**
 * The inverse of `encodeBeat`, and of nothing else.
 * @throws DecloudError `beat-oversized`, `beat-malformed`.
 */
export const decodeBeat = (bytes: Uint8Array): SignedBeat => {
  if (bytes.length > MAX_BEAT_BYTES) {
    throw new DecloudError(
      'beat-oversized',
      `A beat has at most ${MAX_BEAT_BYTES} bytes, not ${bytes.length}.`,
    )
  }
  const text = textOf(bytes)
  const parsed = signedBeatSchema.safeParse(jsonOf(text))
  if (!parsed.success) throw malformed(z.prettifyError(parsed.error))
  if (canonicalize(parsed.data) !== text) throw malformed('it is not in canonical form')
  if (!isLowSignature(parsed.data.signature)) throw malformed('its signature is not in canonical form')
  return parsed.data
}

/**
 * Whether a beat may still, or already, be counted by a clock that stands in `nowSlot`.
 * @throws DecloudError `beat-early`, `beat-late`.
 */
export const checkSlot = (slot: number, nowSlot: number): void => {
  if (slot > nowSlot + EARLY_SLOTS) {
    throw new DecloudError('beat-early', `The beat is for slot ${slot}, the time here is ${nowSlot}.`, {
      hint: 'Check that the clocks of node and keeper are set by NTP.',
      details: { slot, nowSlot },
    })
  }
  if (slot < nowSlot - LATE_SLOTS) {
    throw new DecloudError('beat-late', `The beat is for slot ${slot}, the time here is ${nowSlot}.`, {
      hint: 'A beat counts for two minutes. Check the clocks of node and keeper.',
      details: { slot, nowSlot },
    })
  }
}

/**
 * @param agent of the beat's node, as the registry has it.
 * @throws DecloudError `beat-not-agents` when anybody else signed, or somebody signed anything else.
 */
export const verifyBeat = async (scope: BeatScope, signed: SignedBeat, agent: Address): Promise<void> => {
  const { beat, signature } = signed
  const signer = await recoverTypedDataAddress({ ...beatTypedData(scope, beat), signature }).catch(() => null)
  if (signer !== null && isAddressEqual(signer, agent)) return
  throw new DecloudError('beat-not-agents', `The beat of node ${beat.node} is not signed by its agent.`, {
    hint: `The agent of node ${beat.node} is ${agent} on chain ${scope.chainId}, registry ${scope.nodeRegistry}.`,
    details: { node: beat.node, agent },
  })
}

const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n

// Every ECDSA signature has a twin with the other s, and v has two spellings: only one of the four is taken.
const isLowSignature = (signature: Hex): boolean => {
  const v = signature.slice(130)
  return BigInt(`0x${signature.slice(66, 130)}`) <= HALF_ORDER && (v === '1b' || v === '1c')
}

const malformed = (why: string) =>
  new DecloudError('beat-malformed', `The message is not a signed beat: ${why}.`)

const textOf = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed('it is not UTF-8')
  }
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed('it is not JSON')
  }
}
