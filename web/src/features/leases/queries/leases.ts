import { leaseEscrowAbi } from '@decloud/protocol/abi/index'
import { makeLogDecoder } from '@decloud/protocol/events'
import { LEASE_STATUSES, type Terms } from '@decloud/protocol/lease'
import { queryOptions } from '@tanstack/react-query'
import { type Address, type Hex, pad, toEventSelector } from 'viem'
import { readContract } from 'viem/actions'
import { scanLogs } from '../../../data/logs.ts'
import type { Runtime } from '../../../data/runtime.tsx'
import type { LeaseRow } from './lease-row.ts'

/** Shown at once, newest first. */
const MAX_LEASES = 100

const [requested] = leaseEscrowAbi
  .filter((item) => item.type === 'event')
  .filter((event) => event.name === 'LeaseRequested')

export const leasesQuery = (runtime: Runtime, tenant: Address | undefined) =>
  queryOptions({
    queryKey: ['leases', runtime.config.chainId, runtime.config.leaseEscrow, tenant],
    enabled: tenant !== undefined,
    refetchInterval: runtime.pollMs * 4,
    queryFn: async (): Promise<LeaseRow[]> => {
      const indexed = await fromKeeper(runtime, tenant as Address)
      if (indexed !== undefined) return indexed
      const logs = await scanLogs(runtime, {
        address: runtime.config.leaseEscrow,
        topics: [toEventSelector(requested!), null, pad(tenant as Address)],
      })
      const decode = makeLogDecoder(runtime.config)
      const opened = logs.map(decode).filter((event) => event?.name === 'LeaseRequested')
      return Promise.all(
        opened
          .toReversed()
          .slice(0, MAX_LEASES)
          .map(({ args }) => readRow(runtime, args.leaseId, args.terms)),
      )
    },
  })

// Loaded on demand: the schemas of the API are of no use without a keeper.
const fromKeeper = async (runtime: Runtime, tenant: Address): Promise<LeaseRow[] | undefined> => {
  const { keeperUrl } = runtime.config
  if (keeperUrl === undefined) return undefined
  const { leasesFromKeeper } = await import('./keeper.ts')
  return leasesFromKeeper(keeperUrl, tenant, MAX_LEASES)
}

const readRow = async (runtime: Runtime, leaseId: Hex, terms: Terms): Promise<LeaseRow> => {
  const escrow = { address: runtime.config.leaseEscrow, abi: leaseEscrowAbi } as const
  const [lease, runsOutAt] = await Promise.all([
    readContract(runtime.client, { ...escrow, functionName: 'leaseOf', args: [leaseId] }),
    readContract(runtime.client, { ...escrow, functionName: 'runsOutAt', args: [leaseId] }),
  ])
  return {
    leaseId,
    terms,
    status: LEASE_STATUSES[lease.status] ?? 'None',
    node: lease.node,
    pricePerHour: lease.pricePerHour,
    deposited: lease.deposited,
    runsOutAt: Number(runsOutAt),
  }
}
