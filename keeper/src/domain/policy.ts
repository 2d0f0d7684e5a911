import type { PolicyParameters, ProtocolEvent } from '@decloud/protocol'

export const policyIn = ({ args }: Extract<ProtocolEvent, { name: 'PolicyChanged' }>): PolicyParameters => ({
  floors: args.floors,
  defaults: args.defaults,
  unitsPerVcpu: args.unitsPerVcpu.map(BigInt),
  bandwidthMultiplierBps: args.bandwidthMultiplierBps.map(BigInt),
  bandwidthRates: args.bandwidthRates.map(BigInt),
  platformBps: BigInt(args.platformBps),
})
