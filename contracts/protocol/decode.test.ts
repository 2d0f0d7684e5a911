import fc from 'fast-check'
import {
  type Abi,
  type AbiEvent,
  type Address,
  decodeEventLog,
  type Hex,
  parseEventLogs,
  zeroHash,
} from 'viem'
import { describe, expect, it } from 'vitest'
import {
  encodeEvent,
  eventsIn,
  pick,
  type Random,
  randomArgs,
  randomFrom,
} from '../../test/world/random-logs.ts'
import { CONTRACT_KEYS, CONTRACTS, type ContractAddresses } from './contracts.ts'
import { makeLogDecoder, type RawLog } from './events.ts'

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
const at = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`

const addresses = Object.fromEntries(CONTRACT_KEYS.map((name, i) => [name, at(i + 1)])) as ContractAddresses
const decode = makeLogDecoder(addresses)

const logOf = (contract: number, topics: readonly Hex[], data: Hex): RawLog => ({
  ...{ address: at(contract + 1), topics, data, blockNumber: 7n, blockHash: zeroHash },
  ...{ transactionHash: zeroHash, logIndex: 3, timestamp: 9n },
})

type Outcome = { name: string; args: unknown } | 'refused'

const ours = (log: RawLog): Outcome => {
  try {
    const event = decode(log)
    return event === undefined ? 'refused' : { name: event.name, args: event.args }
  } catch {
    return 'refused'
  }
}
const viems = (abi: Abi, log: RawLog): Outcome => {
  try {
    const { eventName, args } = decodeEventLog({ abi, topics: log.topics as [Hex, ...Hex[]], data: log.data })
    return { name: eventName!, args: args ?? {} }
  } catch {
    return 'refused'
  }
}

const EVENTS = CONTRACT_KEYS.flatMap((key, contract) =>
  eventsIn(CONTRACTS[key]).map((event): [string, number, Abi, AbiEvent] => [
    event.name,
    contract,
    CONTRACTS[key],
    event,
  ]),
)

/** Something that no contract writes, somewhere in a log. */
const spoilt = (random: Random, { topics, data }: { topics: readonly Hex[]; data: Hex }) => {
  const place = 2 + Math.floor((random() * (data.length - 2)) / 64) * 64
  const word = data.slice(place, place + 64)
  const cut = 2 + Math.floor(random() * (data.length - 1))
  const withWord = (other: string): Hex => `${data.slice(0, place)}${other}${data.slice(place + 64)}` as Hex
  const words = ['0'.repeat(64), 'f'.repeat(64), '20', '40', '1', '2', 'ff'].map((w) => w.padStart(64, '0'))
  const changes: (() => { topics: readonly Hex[]; data: Hex })[] = [
    () => ({ topics, data: data.slice(0, cut) as Hex }),
    () => ({ topics, data: data.slice(0, cut - (cut % 2)) as Hex }),
    () => ({ topics, data: withWord(pick(random, words)) }),
    () => ({ topics, data: withWord(pick(random, ['1', 'f', '8']) + word.slice(1)) }),
    () => ({ topics, data: withWord(word.slice(0, 30) + pick(random, ['1', 'a']) + word.slice(31)) }),
    () => ({ topics, data: withWord(word.slice(0, -2) + pick(random, ['01', '02', '21', 'e0'])) }),
    () => ({ topics, data: `0x${data.slice(2).toUpperCase()}` }),
    () => ({ topics, data: withWord(word.slice(0, 10) + pick(random, ['g', ' ', 'x']) + word.slice(11)) }),
    () => ({ topics, data: `${data}${'0'.repeat(pick(random, [1, 2, 64, 128]))}` }),
    () => ({ topics: topics.slice(0, -1), data }),
    () => ({ topics: [...topics, zeroHash], data }),
    () => ({ topics: topics.map((t, i) => (i === topics.length - 1 ? (t.slice(0, -4) as Hex) : t)), data }),
    () => ({ topics: topics.map((t, i) => (i === 0 ? t : (`0xff${t.slice(4)}` as Hex))), data }),
    () => ({ topics, data: '0x' }),
  ]
  return pick(random, changes)()
}

describe(`logs decode as viem decodes them (SEED=${seed})`, () => {
  it.each(EVENTS)('%s', (name, contract, abi, event) => {
    fc.assert(
      fc.property(fc.nat(), (from) => {
        const random = randomFrom(from)
        const args = randomArgs(random, event, pick(random, [4, 40, 400]))
        const { topics, data } = encodeEvent(event, args)
        const log = logOf(contract, topics, data)
        const [parsed] = parseEventLogs({ abi, logs: [log as never] }) as unknown as [{ args: unknown }]
        expect(ours(log)).toStrictEqual({ name, args: parsed.args ?? {} })
        expect(ours(log)).toStrictEqual(viems(abi, log))
        for (let i = 0; i < 8; i++) {
          const other = spoilt(random, { topics, data })
          const bad = logOf(contract, other.topics, other.data)
          expect(ours(bad)).toStrictEqual(viems(abi, bad))
        }
      }),
      { seed, numRuns: 25 },
    )
  })

  it('keeps the place of a log, and drops what is not ours', () => {
    const event = eventsIn(CONTRACTS.leaseEscrow).find(({ name }) => name === 'LeaseSettled')!
    const { topics, data } = encodeEvent(event, randomArgs(randomFrom(1), event))
    const log = logOf(0, topics, data)
    expect(decode(log)).toMatchObject({
      contract: 'LeaseEscrow',
      blockNumber: 7n,
      logIndex: 3,
      timestamp: 9n,
    })
    expect(decode({ ...log, address: at(99) })).toBeUndefined()
    expect(decode({ ...log, topics: [zeroHash] })).toBeUndefined()
    expect(decode({ ...log, topics: [] })).toBeUndefined()
    expect(() => decode({ ...log, data: '0x' })).toThrow(
      expect.objectContaining({ code: 'log-malformed' }) as Error,
    )
  })

  it('knows an address however it is spelled', () => {
    const spelled = '0x00000000000000000000000000000000000000Aa'
    const local = makeLogDecoder({ ...addresses, leaseEscrow: spelled })
    const event = eventsIn(CONTRACTS.leaseEscrow)[0]!
    const log = logOf(
      0,
      ...(Object.values(encodeEvent(event, randomArgs(randomFrom(2), event))) as [Hex[], Hex]),
    )
    for (const address of [spelled, spelled.toLowerCase(), `0x${spelled.slice(2).toUpperCase()}`]) {
      expect(local({ ...log, address: address as Address })?.name).toBe(event.name)
    }
  })
})
