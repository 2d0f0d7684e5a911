import type { PolicyParameters, ProtocolEvent } from '@decloud/protocol'

type PolicyChanged = Extract<ProtocolEvent, { name: 'PolicyChanged' }>
type Place = { blockNumber: bigint; logIndex: number }

const precedes = (a: Place, b: Place) =>
  a.blockNumber < b.blockNumber || (a.blockNumber === b.blockNumber && a.logIndex < b.logIndex)

const parametersOf = ({ args }: PolicyChanged): PolicyParameters => ({
  floors: args.floors,
  defaults: args.defaults,
  unitsPerVcpu: args.unitsPerVcpu.map(BigInt),
  bandwidthMultiplierBps: args.bandwidthMultiplierBps.map(BigInt),
  bandwidthRates: args.bandwidthRates.map(BigInt),
  platformBps: BigInt(args.platformBps),
})

/** The policy that was in force when `place` happened: a lease keeps the units it was assigned with. */
export const policyAt = (
  events: readonly ProtocolEvent[],
  place: Place | undefined,
): PolicyParameters | undefined => {
  const changes = events.filter((event): event is PolicyChanged => event.name === 'PolicyChanged')
  const last = changes.findLast((event) => place === undefined || precedes(event, place))
  return last === undefined ? undefined : parametersOf(last)
}
