// Logs of our contracts → typed events, on one core, beside viem's decodeEventLog.
import { isDeepStrictEqual } from 'node:util'
import {
  CONTRACT_KEYS,
  CONTRACTS,
  type ContractAddresses,
  makeLogDecoder,
  type RawLog,
} from '@decloud/protocol'
import { type Abi, type AbiEvent, type Address, decodeEventLog, type Hex } from 'viem'
import { encodeEvent, eventsIn, randomArgs, randomFrom, randomHex } from '../../../test/world/random-logs.ts'
import { readFlags } from '../../lib/flags.ts'
import { atLeast, inPairs, median, report } from '../lib.ts'

const HELP = `usage: npm run bench -- decode [--logs N] [--pairs N] [--seed N]

  --logs N    logs of the mix that are decoded in one go (default 20000)
  --pairs N   how often each side decodes, in turn (default 5); viem takes a thirtieth of the logs
  --seed N    what the logs are drawn from (default 1)

The mix is that of a busy market: per lease an opening with its terms and a sealed manifest of 1.5 KB, an assignment,
an activation, ten settlements, a top-up and an end; now and then every other event there is.`

const WANTED = 150_000
const MANIFEST_BYTES = 1_536
/** viem hashes the signatures of a whole ABI for every log: a share of them is enough to know its speed. */
const PEER_SHARE = 30

const addressOf = (i: number): Address => `0x${(i + 1).toString(16).padStart(40, 'c')}`

/** Events of the escrow in a lease's life, by how many there are of each. */
const LIFE: readonly [name: string, times: number][] = [
  ['LeaseRequested', 1],
  ['LeaseAssigned', 1],
  ['LeaseActivated', 1],
  ['LeaseSettled', 10],
  ['LeaseToppedUp', 1],
  ['BalanceChanged', 2],
  ['LeaseEnded', 1],
]
/** One of any kind for so many of the above. */
const OTHERS_EVERY = 10

type Item = { log: RawLog; abi: Abi }

const makeMix = (count: number, seed: number): Item[] => {
  const random = randomFrom(seed)
  // As on a chain, the same people come back: a market of a thousand accounts.
  const people = Array.from({ length: 1_000 }, () => randomHex(random, 20))
  const all = CONTRACT_KEYS.flatMap((key, contract) =>
    eventsIn(CONTRACTS[key]).map((event) => ({ contract, abi: CONTRACTS[key], event })),
  )
  const life = LIFE.flatMap(([name, times]) =>
    new Array<(typeof all)[number]>(times).fill(
      all.find(({ contract, event }) => contract === 0 && event.name === name)!,
    ),
  )
  const argsOf = (event: AbiEvent) => {
    const args = randomArgs(random, event, 200)
    for (const { name, type } of event.inputs) {
      if (type === 'address') args[name!] = people[Math.floor(random() * people.length)]
    }
    if (event.name === 'LeaseRequested') {
      args['manifest'] = randomHex(random, MANIFEST_BYTES)
      Object.assign(args['terms'] as object, { tenant: args['tenant'] })
    }
    return args
  }
  const items = Array.from({ length: count }, (_, i): Item => {
    const chosen = i % OTHERS_EVERY === 0 ? all[(i / OTHERS_EVERY) % all.length]! : life[i % life.length]!
    const { topics, data } = encodeEvent(chosen.event, argsOf(chosen.event))
    const place = { blockNumber: BigInt(i), logIndex: i % 200, timestamp: BigInt(i) }
    const hash = randomHex(random, 32)
    return {
      abi: chosen.abi,
      log: {
        address: addressOf(chosen.contract),
        topics,
        data,
        ...place,
        blockHash: hash,
        transactionHash: hash,
      },
    }
  })
  // As an RPC's answer gives them: each text in one piece.
  return items.map(({ log, abi }) => {
    const { topics, data } = JSON.parse(JSON.stringify(log, ['topics', 'data'])) as RawLog
    return { abi, log: { ...log, topics, data } }
  })
}

const { whole } = readFlags(HELP, {
  logs: { type: 'string', default: '20000' },
  pairs: { type: 'string', default: '5' },
  seed: { type: 'string', default: '1' },
})

const mix = makeMix(whole('logs', 1), whole('seed', 0))
const decode = makeLogDecoder(
  Object.fromEntries(CONTRACT_KEYS.map((name, i) => [name, addressOf(i)])) as ContractAddresses,
)
type Decoded = { eventName: string; args: object | undefined }
const viems = ({ abi, log }: Item): Decoded =>
  // Of an ABI known only at run time, viem's types tell nothing.
  decodeEventLog({ abi, topics: log.topics as [Hex, ...Hex[]], data: log.data }) as unknown as Decoded

const sample = mix.filter((_, i) => i % PEER_SHARE === 0)
const differing = mix.filter((item) => {
  const { eventName, args } = viems(item)
  const event = decode(item.log)
  return event?.name !== eventName || !isDeepStrictEqual(event?.args, args ?? {})
})
if (differing.length > 0) {
  console.error(`${differing.length} of ${mix.length} logs decode otherwise than viem decodes them.`)
  process.exit(1)
}

/** By the clock on the wall, and by the time that the core spent on it: others may use the machine meanwhile. */
type Rate = { wall: number; core: number }

const rateOf = <item>(items: readonly item[], work: (item: item) => unknown): Rate => {
  const before = process.threadCpuUsage()
  const from = performance.now()
  for (const item of items) work(item)
  const seconds = (performance.now() - from) / 1_000
  const { user, system } = process.threadCpuUsage(before)
  return { wall: items.length / seconds, core: items.length / ((user + system) / 1_000_000) }
}

const decodeAll = () => rateOf(mix, ({ log }) => decode(log))
const decodeSample = () => rateOf(sample, viems)
// Once for nothing: both are compiled by then.
decodeAll()
decodeSample()
const { ours, peer } = await inPairs(whole('pairs', 1), decodeAll, decodeSample)
const figuresOf = (rates: readonly Rate[]) => ({
  logsPerCoreSecond: median(rates.map(({ core }) => core)),
  logsPerSecond: median(rates.map(({ wall }) => wall)),
  runs: rates.map(({ core }) => core),
})
const [our, their] = [figuresOf(ours), figuresOf(peer)]
report({
  name: 'decode',
  ours: { ...our, logs: mix.length },
  peer: { name: 'viem decodeEventLog', ...their, logs: sample.length },
  ratio: our.logsPerCoreSecond / their.logsPerCoreSecond,
  targets: [
    atLeast('logs decoded a second of one core', WANTED, our.logsPerCoreSecond),
    {
      what: 'output equal to viem’s',
      wanted: 'all',
      got: `${mix.length} of ${mix.length}`,
      held: true,
    },
  ],
})
