// Logs → typed events. viem's generic decoder hashes every selector of an ABI for every log; here each event is
// prepared once, and a log of a contract that is not ours is dropped by address before anything is decoded. What comes
// out is what viem's `decodeEventLog` gives, but that an event without arguments has none instead of `undefined`.
import {
  type Abi,
  type AbiEvent,
  type Address,
  type ContractEventName,
  type GetEventArgs,
  type Hex,
  toEventSelector,
} from 'viem'
import { CONTRACT_KEYS, CONTRACTS, type ContractAddresses, type ContractKey } from './contracts.ts'
import { makeDecoder } from './decode.ts'
import { DecloudError } from './errors.ts'

/** A log as an RPC gives it, reduced to what identifies and decodes it. */
export type RawLog = {
  address: Address
  topics: readonly Hex[]
  data: Hex
  blockNumber: bigint
  blockHash: Hex
  transactionHash: Hex
  logIndex: number
  /** Of its block, unix seconds: some facts of a lease begin with the block that carries the event. */
  timestamp: bigint
}

type Place = Omit<RawLog, 'address' | 'topics' | 'data'>

type EventsOf<contract extends string, abi extends Abi> = {
  [name in ContractEventName<abi>]: {
    contract: contract
    name: name
    args: GetEventArgs<abi, name, { EnableUnion: false; IndexedOnly: false; Required: true }>
  } & Place
}[ContractEventName<abi>]

type ContractName = Capitalize<ContractKey>

/** An event of any contract of ours: `contract` and `name` tell which, since two contracts may use one name. */
export type ProtocolEvent = {
  [key in ContractKey]: EventsOf<Capitalize<key>, (typeof CONTRACTS)[key]>
}[ContractKey]

type Args = Record<string, unknown>
type Prepared = { name: string; decode(log: RawLog): Args }

/** These are kept as their hash: the topic itself is all there is. */
const isHashed = (type: string) =>
  type === 'string' || type === 'bytes' || type === 'tuple' || type.endsWith(']')

const prepareEvent = ({ name, inputs }: AbiEvent): Prepared => {
  const indexed = inputs.filter((input) => input.indexed)
  const rest = inputs.filter((input) => !input.indexed)
  const topics = indexed.map(({ name = '', type }, i) => ({
    name,
    decode: isHashed(type) ? null : makeDecoder([indexed[i]!], [name]),
  }))
  const decodeData =
    rest.length === 0
      ? null
      : makeDecoder(
          rest,
          rest.map((input) => input.name!),
        )
  const decode = (log: RawLog) => {
    const args: Args = {}
    for (let i = 0; i < topics.length; i++) {
      const topic = log.topics[i + 1]
      if (topic === undefined) throw new DecloudError('log-malformed', `Topic ${i + 1} is missing.`)
      const { name, decode } = topics[i]!
      if (decode === null) args[name] = topic
      else decode(topic, args)
    }
    // Data of an event that has none says nothing.
    decodeData?.(log.data, args)
    return args
  }
  return { name, decode }
}

const prepare = (abi: Abi): ReadonlyMap<Hex, Prepared> =>
  new Map(
    abi
      .filter((item): item is AbiEvent => item.type === 'event')
      .map((event) => [toEventSelector(event), prepareEvent(event)]),
  )

const prepared = new Map<ContractKey, ReadonlyMap<Hex, Prepared>>()

const eventsOf = (key: ContractKey): ReadonlyMap<Hex, Prepared> => {
  const known = prepared.get(key) ?? prepare(CONTRACTS[key])
  prepared.set(key, known)
  return known
}

// What `Capitalize` says of the type; TypeScript does not follow it through the string's methods.
const nameOf = (key: ContractKey) => `${key[0]!.toUpperCase()}${key.slice(1)}` as ContractName

/**
 * @param addresses the deployment to listen to.
 * @returns a decoder: the event, or `undefined` for a log that is not one of ours (another contract, or an event
 *   that a later version of ours added).
 * @throws DecloudError `log-malformed` when a log of ours does not decode: the ABI and the chain disagree.
 */
export const makeLogDecoder = (addresses: ContractAddresses) => {
  const contracts = new Map<string, { contract: ContractName; events: ReadonlyMap<Hex, Prepared> }>()
  for (const key of CONTRACT_KEYS) {
    const address = addresses[key]
    if (address === undefined) continue
    const known = { contract: nameOf(key), events: eventsOf(key) }
    // As RPCs spell it and as a deployment does; any other way is found too, by its lower case.
    contracts.set(address, known).set(address.toLowerCase(), known)
  }
  return (log: RawLog): ProtocolEvent | undefined => {
    const known = contracts.get(log.address) ?? contracts.get(log.address.toLowerCase())
    const selector = log.topics[0]
    if (known === undefined || selector === undefined) return undefined
    const event = known.events.get(selector)
    if (event === undefined) return undefined
    try {
      return {
        contract: known.contract,
        name: event.name,
        args: event.decode(log),
        blockNumber: log.blockNumber,
        blockHash: log.blockHash,
        transactionHash: log.transactionHash,
        logIndex: log.logIndex,
        timestamp: log.timestamp,
        // The tables above are built from the same ABIs as the union: names and arguments agree by construction.
      } as unknown as ProtocolEvent
    } catch (cause) {
      throw new DecloudError('log-malformed', `A ${event.name} log of ${log.address} does not decode.`, {
        hint: 'The deployment and this version of the software do not belong together: check the addresses.',
        details: { transaction: log.transactionHash, logIndex: log.logIndex },
        cause,
      })
    }
  }
}
