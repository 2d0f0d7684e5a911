// The tables as a function of the stored logs: whatever way led there, a step at a time, over rollbacks of any depth,
// in batches of any size, they are those of a keeper that read the same logs once.
import { openDatabase } from '@decloud/chain'
import {
  CONTRACT_KEYS,
  CONTRACTS,
  type Deployment,
  makeLogDecoder,
  type ProtocolEvent,
  type RawLog,
} from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import fc from 'fast-check'
import type { AbiEvent, Address, Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { makeLogStore } from '../../chain/src/follow/log-store.ts'
import {
  encodeEvent,
  eventsIn,
  pick,
  type Random,
  randomArgs,
  randomFrom,
} from '../../test/world/random-logs.ts'
import { makeLedgerProjector } from '../src/adapters/store/projector.ts'
import { contentsOf } from './table-contents.ts'

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)

const word = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const at = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`

const deployment = {
  ...{ chainId: 31337, usdc: at(99), fromBlock: 0 },
  ...Object.fromEntries(CONTRACT_KEYS.map((name, i) => [name, at(i + 1)])),
} as unknown as Deployment

const EVENTS = CONTRACT_KEYS.flatMap((key, contract) =>
  eventsIn(CONTRACTS[key]).map((event) => ({ contract, event })),
)
/** What most histories are made of: a lease's own events come often enough that leases live long. */
const OFTEN = EVENTS.filter(({ contract, event }) => contract === 0 && event.name.startsWith('Lease'))

const pool = {
  leases: [1, 2, 3, 4].map(word),
  accounts: [101, 102, 103].map(at),
  nodes: [0, 1, 2, 17],
  days: [20_000, 20_001],
  words: ['gpu', 'eu-west', ''].map((text): Hex => `0x${Buffer.from(text).toString('hex').padEnd(64, '0')}`),
}

/** Few names for many events, so that they meet. Amounts and order are what no contract would write: all is folded. */
const nearer = (random: Random, name: string, type: string, value: unknown): unknown => {
  if (type === 'address') return pick(random, pool.accounts)
  if (name === 'leaseId') return pick(random, pool.leases)
  if (['node', 'relay', 'template', 'version'].includes(name)) return pick(random, pool.nodes)
  if (name === 'tags') return [pick(random, pool.words)]
  if (name === 'day') return pick(random, pool.days)
  if (name === 'firstGroup') return pick(random, [0, 1])
  if (name === 'tier') return Math.floor(random() * 4)
  if (name === 'level') return Math.floor(random() * 4)
  if (name === 'reason' && type === 'uint8') return Math.floor(random() * 6)
  return value
}

const argsOf = (random: Random, event: AbiEvent): Record<string, unknown> => {
  const args = randomArgs(random, event, 20)
  const walk = (value: Record<string, unknown>, inputs: AbiEvent['inputs']) => {
    for (const input of inputs) {
      if ('components' in input && input.type === 'tuple')
        walk(value[input.name!] as Record<string, unknown>, input.components)
      else value[input.name!] = nearer(random, input.name!, input.type, value[input.name!])
    }
  }
  walk(args, event.inputs)
  return args
}

const blockAt = (height: number, fork: number) => ({
  height: BigInt(height),
  hash: word(height * 1_000 + fork),
  parent: word((height - 1) * 1_000),
  timestamp: BigInt(20_000 * 86_400 + height * 10_000),
})

const logsOf = (random: Random, height: number, fork: number): RawLog[] => {
  const block = blockAt(height, fork)
  return Array.from({ length: Math.floor(random() * 9) }, (_, logIndex) => {
    const { contract, event } = pick(random, random() < 0.6 ? OFTEN : EVENTS)
    const { topics, data } = encodeEvent(event, argsOf(random, event))
    return {
      ...{ address: at(contract + 1), topics, data, logIndex, timestamp: block.timestamp },
      ...{ blockNumber: block.height, blockHash: block.hash, transactionHash: word(logIndex) },
    }
  })
}

const openKeeper = () => {
  const db = openDatabase(':memory:')
  const { projector, refoldAll } = makeLedgerProjector(deployment)
  projector.migrate(db)
  const store = makeLogStore(db, deployment)
  const decode = makeLogDecoder(deployment)
  const eventsOf = (logs: readonly RawLog[]): ProtocolEvent[] =>
    logs.map(decode).filter((event) => event !== undefined)
  return {
    db,
    refoldAll: () => refoldAll(db),
    append: (height: number, fork: number, logs: readonly RawLog[]) =>
      db.transaction(() => {
        store.append([blockAt(height, fork)], logs)
        if (logs.length > 0) projector.apply(db, eventsOf(logs))
      })(),
    rollBack: (height: number) =>
      db.transaction(() => projector.revert(db, eventsOf(store.truncate(blockAt(height, 0)))))(),
    /** A transaction that fails in its middle, as on a full disk: at its first row in `table`, or at its end. */
    fail: (height: number, logs: readonly RawLog[], table: string) => {
      db.exec(
        `CREATE TEMP TRIGGER full BEFORE INSERT ON main.${table} BEGIN SELECT raise(ABORT, 'full'); END`,
      )
      const doomed = db.transaction(() => {
        store.append([blockAt(height, 0)], logs)
        projector.apply(db, eventsOf(logs))
        throw new Error('full')
      })
      expect(doomed).toThrow('full')
      db.exec('DROP TRIGGER temp.full')
    },
  }
}
type Keeper = ReturnType<typeof openKeeper>

const FILLED = ['leases', 'nodes', 'books', 'counts', 'flows', 'flow_sums', 'policies']

const allLogs = (db: Database) =>
  db.prepare('SELECT DISTINCT block_number AS height FROM feed_logs ORDER BY 1').pluck().all() as number[]

describe(`the tables (SEED=${seed})`, () => {
  it('are the same a step at a time, over rollbacks, folded anew and read once', () => {
    fc.assert(
      fc.property(fc.nat(), (from) => {
        const random = randomFrom(from)
        const keeper = openKeeper()
        const chain: { fork: number; logs: RawLog[] }[] = []
        for (let step = 0; step < 40; step++) {
          const act = random()
          if (act < 0.2 && chain.length > 0) {
            const left = Math.floor(random() * chain.length)
            chain.length = left
            keeper.rollBack(left)
          } else {
            const height = chain.length + 1
            const block = { fork: step, logs: logsOf(random, height, step) }
            if (act > 0.8) keeper.fail(height, block.logs, pick(random, FILLED))
            keeper.append(height, step, block.logs)
            chain.push(block)
          }
        }
        const lived = contentsOf(keeper.db)
        const fresh = openKeeper()
        // All of it in one batch: steps and batches must not matter.
        const all = chain.flatMap(({ logs }) => logs)
        if (all.length > 0) fresh.append(chain.length, chain.at(-1)!.fork, all)
        const read = contentsOf(fresh.db)
        for (const name of Object.keys(read)) expect(lived[name], name).toEqual(read[name])
        expect(Object.keys(lived)).toEqual(Object.keys(read))
        keeper.refoldAll()
        expect(contentsOf(keeper.db)).toEqual(read)
        expect(allLogs(keeper.db)).toEqual(allLogs(fresh.db))
        keeper.rollBack(0)
        const empty = Object.entries(contentsOf(keeper.db)).filter(([, rows]) => rows.length > 0)
        expect(empty).toEqual([])
        for (const one of [keeper, fresh] satisfies Keeper[]) one.db.close()
      }),
      { seed, numRuns: 60 },
    )
  })
})
