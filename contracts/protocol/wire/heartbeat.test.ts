import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import {
  type Beat,
  type BeatScope,
  beatTopic,
  checkSlot,
  decodeBeat,
  encodeBeat,
  MAX_BEAT_BYTES,
  MAX_BEAT_LEASES,
  type SignedBeat,
  signBeat,
  slotAt,
  verifyBeat,
} from './heartbeat.ts'

const agent = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const stranger = privateKeyToAccount(`0x${'22'.repeat(32)}`)
const scope: BeatScope = { chainId: 137, nodeRegistry: '0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359' }
const leaseId = (i: number) => `0x${i.toString(16).padStart(64, '0')}` as const
const beat: Beat = {
  node: 7,
  slot: 118_000_000,
  bootId: 1_790_000_000_000,
  version: '0.1.0',
  free: { memoryMiB: 4_096, diskGiB: 100 },
  leases: [
    { leaseId: leaseId(1), state: 'Ready' },
    { leaseId: leaseId(2), state: 'Checking' },
  ],
  omitted: 0,
}
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const textOf = (signed: SignedBeat) => new TextDecoder().decode(encodeBeat(signed))
const refused = (code: string) => expect.objectContaining({ code })

describe('a beat', () => {
  it('survives the wire, and its agent is known by it', async () => {
    const signed = await signBeat(scope, beat, agent)
    expect(decodeBeat(encodeBeat(signed))).toEqual(signed)
    await expect(verifyBeat(scope, signed, agent.address)).resolves.toBeUndefined()
  })

  it('is bound to every one of its fields', async () => {
    const signed = await signBeat(scope, beat, agent)
    const changes: Partial<Beat>[] = [
      { node: 8 },
      { slot: beat.slot + 1 },
      { bootId: 1 },
      { version: '0.1.1' },
      { free: { memoryMiB: 4_097, diskGiB: 100 } },
      { free: { memoryMiB: 4_096, diskGiB: 101 } },
      { leases: [] },
      { leases: [beat.leases[0]!, { leaseId: leaseId(2), state: 'Ready' }] },
      { omitted: 1 },
    ]
    for (const change of changes) {
      const forged = { ...signed, beat: { ...beat, ...change } }
      await expect(verifyBeat(scope, forged, agent.address)).rejects.toEqual(refused('beat-not-agents'))
    }
    expect(new Set(changes.flatMap(Object.keys))).toEqual(new Set(Object.keys(beat)))
  })

  it('of somebody else, or for another deployment, is refused', async () => {
    const theirs = await signBeat(scope, beat, stranger)
    await expect(verifyBeat(scope, theirs, agent.address)).rejects.toEqual(refused('beat-not-agents'))
    const signed = await signBeat(scope, beat, agent)
    for (const other of [
      { ...scope, chainId: 80_002 },
      { ...scope, nodeRegistry: '0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582' as const },
    ]) {
      await expect(verifyBeat(other, signed, agent.address)).rejects.toEqual(refused('beat-not-agents'))
      expect(beatTopic(other)).not.toBe(beatTopic(scope))
    }
  })

  it('has one spelling only', async () => {
    const signed = await signBeat(scope, beat, agent)
    const text = textOf(signed)
    const r = signed.signature.slice(0, 66)
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const s = (order - BigInt(`0x${signed.signature.slice(66, 130)}`)).toString(16).padStart(64, '0')
    const v = signed.signature.slice(130)
    const twins = [
      `${r}${s}${v === '1b' ? '1c' : '1b'}`,
      `${signed.signature.slice(0, 130)}${v === '1b' ? '00' : '01'}`,
    ]
    const spellings = [
      ` ${text}`,
      text.replace(':7,', ':7.0,'),
      text.replace('"version":"0', '"version":"\\u0030'),
      JSON.stringify({ signature: signed.signature, beat }),
      ...twins.map((signature) => text.replace(signed.signature, signature)),
      text.replace(signed.signature, signed.signature.toUpperCase().replace('0X', '0x')),
      text.replace(leaseId(1), leaseId(1).replace('0x', '0X')),
    ]
    for (const spelling of spellings) {
      expect(spelling).not.toBe(text)
      expect(() => decodeBeat(new TextEncoder().encode(spelling))).toThrow(refused('beat-malformed'))
    }
  })

  it('that is none is refused, whatever it is', async () => {
    const signed = await signBeat(scope, beat, agent)
    const of = (change: object) => bytes({ ...signed, beat: { ...beat, ...change } })
    const messages = [
      new Uint8Array(),
      Uint8Array.of(0xff, 0xfe),
      bytes(null),
      bytes([]),
      bytes({ ...signed, surplus: 1 }),
      of({ surplus: 1 }),
      of({ node: 0 }),
      of({ slot: -1 }),
      of({ slot: 1.5 }),
      of({ version: 'x'.repeat(33) }),
      of({ version: '<script>' }),
      of({ leases: [beat.leases[1], beat.leases[0]] }),
      of({ leases: [beat.leases[0], beat.leases[0]] }),
      of({ leases: [{ leaseId: leaseId(1), state: 'Fine' }] }),
    ]
    for (const message of messages) expect(() => decodeBeat(message)).toThrow(refused('beat-malformed'))
    expect(() => decodeBeat(new Uint8Array(MAX_BEAT_BYTES + 1))).toThrow(refused('beat-oversized'))
  })

  it('fits its limit with as many guests as it may name', async () => {
    const most = 2 ** 32 - 1
    const full: Beat = {
      ...{ node: most, slot: most, bootId: Number.MAX_SAFE_INTEGER, version: 'v'.repeat(32), omitted: most },
      free: { memoryMiB: most, diskGiB: most },
      leases: Array.from({ length: MAX_BEAT_LEASES }, (_, i) => ({ leaseId: leaseId(i), state: 'Checking' })),
    }
    const signed = await signBeat(scope, full, agent)
    expect(encodeBeat(signed).length).toBeLessThanOrEqual(MAX_BEAT_BYTES)
    expect(decodeBeat(encodeBeat(signed))).toEqual(signed)
    const more = { ...full, leases: [...full.leases, { leaseId: leaseId(999), state: 'Ready' as const }] }
    expect(() => decodeBeat(encodeBeat({ ...signed, beat: more }))).toThrow(refused('beat-malformed'))
  })

  it('counts from one slot early to eight late', () => {
    expect(slotAt(1_790_000_014.9)).toBe(slotAt(1_790_000_010))
    const now = 1_000
    for (const slot of [now + 1, now, now - 8]) expect(() => checkSlot(slot, now)).not.toThrow()
    expect(() => checkSlot(now + 2, now)).toThrow(refused('beat-early'))
    expect(() => checkSlot(now - 9, now)).toThrow(refused('beat-late'))
  })
})
