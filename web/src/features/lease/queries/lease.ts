import { DecloudError } from '@decloud/protocol/errors'
import { makeLogDecoder } from '@decloud/protocol/events'
import { applyLeaseEvent, type LeaseView, leaseSources } from '@decloud/protocol/lease-fold'
import { type LeaseStatusReport, leaseStatusSchema } from '@decloud/protocol/wire/node'
import { queryOptions } from '@tanstack/react-query'
import type { Hex } from 'viem'
import { scanLogs } from '../../../data/logs.ts'
import type { Runtime } from '../../../data/runtime.tsx'

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

const AGENT_TIMEOUT_MS = 6_000

/**
 * The node's own word on the machine.
 * @throws DecloudError `agent-unreachable`, `agent-unaware` (it does not know the lease), `agent-malformed`.
 */
export const machineQuery = (runtime: Runtime, leaseId: Hex, endpoint: string | null, live: boolean) =>
  queryOptions({
    queryKey: ['machine', leaseId, endpoint],
    enabled: endpoint !== null && live,
    refetchInterval: runtime.pollMs * 2,
    retry: false,
    queryFn: async ({ signal }): Promise<LeaseStatusReport> => {
      const url = new URL(`v1/leases/${leaseId}`, withSlash(endpoint as string))
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(AGENT_TIMEOUT_MS)])
      const response = await fetch(url, { signal: deadline, credentials: 'omit' }).catch((cause: unknown) => {
        throw new DecloudError('agent-unreachable', "The node's agent cannot be reached from this browser.", {
          hint: 'The chain below is still exact: billing and refunds do not depend on it.',
          details: { endpoint },
          cause,
        })
      })
      if (response.status === 404) {
        throw new DecloudError('agent-unaware', "The node's agent has not picked the lease up yet.")
      }
      const parsed = leaseStatusSchema.safeParse(await response.json().catch(() => undefined))
      if (response.ok && parsed.success) return parsed.data
      throw new DecloudError(
        'agent-malformed',
        `The node's agent answered ${response.status} with something else.`,
        {
          hint: 'The chain below is still exact.',
          ...(parsed.success ? {} : { cause: parsed.error }),
        },
      )
    },
  })

const withSlash = (endpoint: string) => (endpoint.endsWith('/') ? endpoint : `${endpoint}/`)
