// Attributes of a node: anybody may have one signed on chain, about any node, for the price of a transaction.
import type { ProtocolEvent } from '@decloud/protocol'
import { type Address, getAddress, numberToHex, stringToHex } from 'viem'
import { describe, expect, it } from 'vitest'
import { applyNodeEvent, type NodeView } from '../src/domain/node.ts'

const signer = (n: number): Address => getAddress(numberToHex(0xa0000 + n, { size: 20 }))
const AUDITOR = signer(0)
const AUDITORS = new Set([AUDITOR.toLowerCase()])
const AUDITED = stringToHex('audited', { size: 32 })

const attested = (auditor: Address, attribute = AUDITED, issuedAt = 1): ProtocolEvent =>
  // Only what the fold reads.
  ({
    ...{ contract: 'NodeRegistry', name: 'AttributeAttested' },
    args: { node: 1, attribute, auditor, issuedAt, expiresAt: 9 },
  }) as ProtocolEvent
const NODE = { node: 1, attributes: [] as NodeView['attributes'] } as NodeView
const fold = (events: readonly ProtocolEvent[], from = NODE) =>
  events.reduce<NodeView | undefined>((view, event) => applyNodeEvent(view, event, AUDITORS), from)!

describe('what strangers have signed about a node', () => {
  const crowd = Array.from({ length: 1_000 }, (_, i) => attested(signer(1 + i)))

  it('is bounded, the latest of it', () => {
    const { attributes } = fold(crowd)
    expect(attributes).toHaveLength(32)
    expect(attributes.at(-1)!.auditor).toBe(signer(1_000))
    expect(attributes[0]!.auditor).toBe(signer(969))
  })

  it('does not push out what an auditor has signed whose word counts', () => {
    const ssd = stringToHex('ssd', { size: 32 })
    const { attributes } = fold([
      attested(AUDITOR),
      attested(AUDITOR, ssd),
      ...crowd,
      attested(AUDITOR, ssd, 2),
    ])
    expect(attributes).toHaveLength(34)
    expect(attributes.filter(({ auditor }) => auditor === AUDITOR)).toMatchObject([
      { attribute: AUDITED, issuedAt: 1 },
      { attribute: ssd, issuedAt: 2 },
    ])
  })

  it('is the same, folded in pieces or at once', () => {
    const pieces = [crowd.slice(0, 40), [attested(AUDITOR)], crowd.slice(40, 50), crowd.slice(10, 60)]
    const stepwise = pieces.reduce((view, events) => fold(events, JSON.parse(JSON.stringify(view))), NODE)
    expect(stepwise).toEqual(fold(pieces.flat()))
  })
})
