import { type LeaseUsage, leaseUsageSchema } from '@decloud/protocol/wire/node'
import type { ApiDeps, App } from '../deps.ts'
import { notHere, requireLease, visitorOf } from '../guard.ts'
import { SECURITY } from '../security.ts'
import { leaseParams } from './params.ts'

const UNKNOWN = { cpuSeconds: null, memoryBytes: null, disk: null, net: null }

export const usageRoute = (app: App, deps: ApiDeps) => {
  const { store, usage } = deps
  app.get(
    '/v1/leases/:leaseId/usage',
    {
      ...requireLease(deps, 'view'),
      schema: {
        tags: ['leases'],
        summary: 'What the machine of a lease has used since it was last started, seconds ago at most',
        security: SECURITY.session,
        params: leaseParams,
        response: { 200: leaseUsageSchema },
      },
    },
    async (request): Promise<LeaseUsage> => {
      const { leaseId } = visitorOf(request)
      if (store.get(leaseId) === null) throw notHere()
      const sampledMs = usage.sampledMs()
      const sampledAt = sampledMs === null ? null : Math.floor(sampledMs / 1_000)
      return { ...UNKNOWN, ...usage.of(leaseId), leaseId, sampledAt }
    },
  )
}
