import { DecloudError } from '@decloud/protocol/errors'
import { makeLogDecoder } from '@decloud/protocol/events'
import { applyLeaseEvent, type LeaseView, leaseSources } from '@decloud/protocol/lease-fold'
import { type LeaseStatusReport, leaseStatusSchema } from '@decloud/protocol/wire/node'
import { queryOptions } from '@tanstack/react-query'
import type { Hex } from 'viem'
import { scanLogs } from '../../../data/logs.ts'
import type { Runtime } from '../../../data/runtime.tsx'
import { malformed, type NodeClient } from '../../node-session/index.ts'

export const leaseKey = (runtime: Runtime, leaseId: Hex) => [
  'lease',
  runtime.config.chainId,
  runtime.config.leaseEscrow,
  leaseId,
]

/** Null while no block holds the lease. */
export const leaseQuery = (runtime: Runtime, leaseId: Hex) =>
  queryOptions({
    queryKey: leaseKey(runtime, leaseId),
    queryFn: () => readLease(runtime, leaseId),
    refetchInterval: (query) =>
      query.state.data?.status === 'Ended' ? runtime.pollMs * 10 : runtime.pollMs * 1.5,
  })

const readLease = async (runtime: Runtime, leaseId: Hex): Promise<LeaseView | null> => {
  const { config } = runtime
  const logs = await scanLogs(runtime, { address: leaseSources(config), topics: [null, leaseId] })
  const decode = makeLogDecoder(config)
  const view = logs.reduce<LeaseView | undefined>((lease, log) => {
    const event = decode(log)
    return event === undefined ? lease : applyLeaseEvent(lease, event)
  }, undefined)
  return view ?? null
}

/**
 * The node's own word on the machine, for those it lets in.
 * @throws DecloudError `agent-unaware` (it has no such lease for this wallet), `agent-malformed`; as `NodeClient.ask`.
 */
export const machineQuery = (runtime: Runtime, leaseId: Hex, client: NodeClient | null, live: boolean) =>
  queryOptions({
    queryKey: ['machine', leaseId, client !== null],
    enabled: client !== null && live,
    refetchInterval: runtime.pollMs * 2,
    retry: false,
    queryFn: async ({ signal }): Promise<LeaseStatusReport> => {
      const answer = await (client as NodeClient).ask(`v1/leases/${leaseId}`, { signal }).catch(unaware)
      const parsed = leaseStatusSchema.safeParse(answer)
      if (parsed.success) return parsed.data
      throw malformed(200, parsed.error)
    },
  })

const unaware = (error: unknown): never => {
  if (!(error instanceof DecloudError) || error.code !== 'lease-unknown') throw error
  throw new DecloudError('agent-unaware', "The node's agent does not show this lease to your wallet.", {
    hint: 'It may not have picked it up yet; later it answers the tenant and collaborators.',
    cause: error,
  })
}
