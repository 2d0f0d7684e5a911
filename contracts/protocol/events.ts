// Logs → typed events. viem's generic decoder hashes every selector of an ABI for every log; here each event is
// prepared once, and a log of a contract that is not ours is dropped by address before anything is decoded.
import {
  type Abi,
  type AbiEvent,
  type Address,
  type ContractEventName,
  decodeAbiParameters,
  type GetEventArgs,
  type Hex,
  toEventSelector,
} from 'viem'
import { leaseEscrowAbi, nodeRegistryAbi, pricePolicyAbi } from './abi/index.ts'
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
}

type Place = {
  blockNumber: bigint
  blockHash: Hex
  transactionHash: Hex
  logIndex: number
}

type EventsOf<contract extends string, abi extends Abi> = {
  [name in ContractEventName<abi>]: {
    contract: contract
    name: name
    args: GetEventArgs<abi, name, { EnableUnion: false; IndexedOnly: false; Required: true }>
  } & Place
}[ContractEventName<abi>]

export type LeaseEscrowEvent = EventsOf<'LeaseEscrow', typeof leaseEscrowAbi>
export type NodeRegistryEvent = EventsOf<'NodeRegistry', typeof nodeRegistryAbi>
export type PricePolicyEvent = EventsOf<'PricePolicy', typeof pricePolicyAbi>
export type ProtocolEvent = LeaseEscrowEvent | NodeRegistryEvent | PricePolicyEvent

export type ContractAddresses = { leaseEscrow: Address; nodeRegistry: Address; pricePolicy: Address }

type Input = AbiEvent['inputs'][number]
type Prepared = { name: string; indexed: readonly Input[]; data: readonly Input[]; order: readonly Input[] }

const prepare = (abi: Abi): ReadonlyMap<Hex, Prepared> =>
  new Map(
    abi
      .filter((item): item is AbiEvent => item.type === 'event')
      .map((event) => [
        toEventSelector(event),
        {
          name: event.name,
          indexed: event.inputs.filter((input) => input.indexed),
          data: event.inputs.filter((input) => !input.indexed),
          order: event.inputs,
        },
      ]),
  )

const BY_CONTRACT = {
  LeaseEscrow: prepare(leaseEscrowAbi),
  NodeRegistry: prepare(nodeRegistryAbi),
  PricePolicy: prepare(pricePolicyAbi),
}

/**
 * @param addresses the deployment to listen to.
 * @returns a decoder: the event, or `undefined` for a log that is not one of ours (another contract, or an event
 *   that a later version of ours added).
 * @throws DecloudError `log-malformed` when a log of ours does not decode: the ABI and the chain disagree.
 */
export const makeLogDecoder = (addresses: ContractAddresses) => {
  const contracts = new Map<
    string,
    { contract: ProtocolEvent['contract']; events: ReadonlyMap<Hex, Prepared> }
  >([
    [addresses.leaseEscrow.toLowerCase(), { contract: 'LeaseEscrow', events: BY_CONTRACT.LeaseEscrow }],
    [addresses.nodeRegistry.toLowerCase(), { contract: 'NodeRegistry', events: BY_CONTRACT.NodeRegistry }],
    [addresses.pricePolicy.toLowerCase(), { contract: 'PricePolicy', events: BY_CONTRACT.PricePolicy }],
  ])
  return (log: RawLog): ProtocolEvent | undefined => {
    const known = contracts.get(log.address.toLowerCase())
    const selector = log.topics[0]
    if (known === undefined || selector === undefined) return undefined
    const prepared = known.events.get(selector)
    if (prepared === undefined) return undefined
    try {
      return {
        contract: known.contract,
        name: prepared.name,
        args: decodeArgs(prepared, log),
        blockNumber: log.blockNumber,
        blockHash: log.blockHash,
        transactionHash: log.transactionHash,
        logIndex: log.logIndex,
        // The tables above are built from the same ABIs as the union: names and arguments agree by construction.
      } as unknown as ProtocolEvent
    } catch (cause) {
      throw new DecloudError('log-malformed', `A ${prepared.name} log of ${log.address} does not decode.`, {
        hint: 'The deployment and this version of the software do not belong together: check the addresses.',
        details: { transaction: log.transactionHash, logIndex: log.logIndex },
        cause,
      })
    }
  }
}

const decodeArgs = (event: Prepared, log: RawLog): Record<string, unknown> => {
  const values = new Map<string, unknown>()
  const data = decodeAbiParameters(event.data, log.data)
  event.data.forEach((input, i) => {
    values.set(input.name!, data[i])
  })
  event.indexed.forEach((input, i) => {
    const topic = log.topics[i + 1]
    if (topic === undefined) throw new DecloudError('log-malformed', `Topic ${i + 1} is missing.`)
    values.set(input.name!, decodeAbiParameters([input], topic)[0])
  })
  return Object.fromEntries(event.order.map((input) => [input.name!, values.get(input.name!)]))
}
