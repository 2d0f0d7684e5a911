import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import {
  advance,
  CommitmentVoid,
  type Flow,
  type FlowEnv,
  type FlowRecord,
  newRecord,
} from '../src/flows/flow.ts'
import { decodeRecord, encodeRecord } from '../src/flows/storage.ts'

// Steps here touch neither the network nor a wallet.
const ENV = {} as FlowEnv

/** A world of one fact, `open`, and a wallet that counts how often it is asked. */
const setting = () => {
  const state = { open: false, asked: 0, verifyFails: undefined as Error | undefined }
  const flow: Flow<{ amount: bigint }> = {
    kind: 'test',
    steps: () => [
      {
        id: 'sign',
        title: 'Sign',
        achieved: async () => state.open,
        commit: async () => {
          state.asked++
          return '0x51'
        },
        verify: async () => undefined,
      },
      {
        id: 'send',
        title: 'Send',
        achieved: async () => state.open,
        commit: async (_, __, earlier) => {
          state.asked++
          expect(earlier['sign']).toBe('0x51')
          return '0xaa'
        },
        verify: async () => {
          if (state.verifyFails !== undefined) throw state.verifyFails
          state.open = true
        },
      },
    ],
  }
  const saved: FlowRecord<{ amount: bigint }>[] = []
  const run = (record: FlowRecord<{ amount: bigint }>, mayAsk = true) =>
    advance(flow, record, ENV, (next) => saved.push(next), mayAsk)
  return { state, saved, run }
}

describe('a flow', () => {
  it('asks once a step and writes its record before and after each', async () => {
    const { state, saved, run } = setting()
    expect(await run(newRecord({ amount: 5n }))).toBe(true)
    expect(state.asked).toBe(2)
    expect(saved.map((record) => [Object.keys(record.committed), record.done])).toEqual([
      [['sign'], 0],
      [['sign'], 1],
      [['sign', 'send'], 1],
      [['sign', 'send'], 2],
    ])
  })

  it('after a reload verifies what was sent without asking anybody', async () => {
    const { state, run } = setting()
    const record = {
      ...newRecord({ amount: 5n }),
      done: 1,
      committed: { sign: '0x51', send: '0xaa' } as Record<string, Hex>,
    }
    expect(await run(decodeRecord(encodeRecord(record))!, false)).toBe(true)
    expect(state.asked).toBe(0)
  })

  it('after a reload waits for the user where the wallet would have to be asked', async () => {
    const { state, run } = setting()
    expect(await run(newRecord({ amount: 5n }), false)).toBe(false)
    expect(state.asked).toBe(0)
  })

  it('skips what the chain shows done: a lost hash is not paid twice', async () => {
    const { state, run } = setting()
    state.open = true
    expect(await run(newRecord({ amount: 5n }))).toBe(true)
    expect(state.asked).toBe(0)
  })

  it('keeps a hash that is merely slow and forgets one that can never take effect', async () => {
    const { state, saved, run } = setting()
    state.verifyFails = new Error('slow')
    await expect(run(newRecord({ amount: 5n }))).rejects.toThrow('slow')
    expect(saved.at(-1)?.committed['send']).toBe('0xaa')
    state.verifyFails = new CommitmentVoid(new Error('reverted'))
    await expect(run(saved.at(-1)!)).rejects.toBeInstanceOf(CommitmentVoid)
    expect(saved.at(-1)?.committed['send']).toBeUndefined()
    expect(saved.at(-1)?.committed['sign']).toBe('0x51')
  })
})

describe('a stored record', () => {
  it('keeps bigint through storage and refuses what is none', () => {
    const record = newRecord({ amount: 2n ** 80n })
    expect(decodeRecord(encodeRecord(record))).toEqual(record)
    expect(decodeRecord('not json')).toBeUndefined()
    expect(decodeRecord('null')).toBeUndefined()
    expect(decodeRecord('{"a":1}')).toBeUndefined()
  })
})
