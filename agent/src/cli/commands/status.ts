import { leaseListSchema } from '@decloud/protocol/wire/node'
import { type Health, healthSchema } from '../../api/health.ts'
import { askAgent } from '../local-api.ts'
import { EXIT, makeVerb } from '../verb.ts'

/** What the agent on this machine says of itself. */
export const status = makeVerb({
  options: { port: { type: 'string', argument: 'N', about: 'its API port' } },
  run: async (io, options) => {
    const { port } = options
    const health = healthSchema.parse(await askAgent(io, '/health', { port, accept: [503] }))
    const { leases } = leaseListSchema.parse(await askAgent(io, '/v1/leases', { port }))
    const lines = leases.map(
      ({ leaseId, vm }) =>
        `${leaseId}  ${vm.status}  ${vm.phase}${vm.reason === null ? '' : `  ${vm.reason.message}`}`,
    )
    io.result(
      { health, leases },
      [
        `node ${health.node}: ${health.status}, chain ${health.chain.feed} at ${health.chain.head ?? '–'}, ${health.guests.running} guests running on ${health.hypervisor.acceleration}`,
        beatLine(health.beats),
        ...lines,
      ].join('\n'),
    )
    return health.status === 'ok' ? EXIT.done : EXIT.failed
  },
})

const beatLine = (beats: Health['beats']): string => {
  if (beats === null) return 'no keeper is configured: no beats are sent'
  if (beats.error !== null) return `no keeper hears this node: ${beats.error}`
  return beats.lastSlot === null ? 'no beat was sent yet' : `keepers hear this node by ${beats.via}`
}
