import { leaseStatusSchema } from '@decloud/protocol/wire/node'
import { z } from 'zod'
import { type Health, healthSchema } from '../../api/server.ts'
import { AgentError } from '../../lib/errors.ts'
import { EXIT, makeVerb, wholeNumber } from '../verb.ts'

const leasesSchema = z.strictObject({ leases: z.array(leaseStatusSchema) })

/** What the agent on this machine says of itself. */
export const status = makeVerb({
  options: { port: { type: 'string', argument: 'N', about: 'its API port' } },
  run: async (io, options) => {
    const port = wholeNumber('port', options.port ?? io.env['DECLOUD_API_PORT'] ?? '7070', 1, 65_535)
    const url = `http://127.0.0.1:${port}`
    const health = healthSchema.parse(await get(`${url}/health`))
    const { leases } = leasesSchema.parse(await get(`${url}/v1/leases`))
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

const get = async (url: string): Promise<unknown> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) })
    return await response.json()
  } catch (cause) {
    throw new AgentError('agent-unreachable', `No agent answers at ${url}.`, {
      hint: 'Start it with `decloud-node run`, or give its port with --port.',
      cause,
    })
  }
}
