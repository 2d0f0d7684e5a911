// A tenant's leases from a keeper's index, where one is configured: one request in the place of a scan of all logs.
// It is a convenience: any trouble falls back to the chain, and a lease's own page reads the chain alone.
import { leasesSchema } from '@decloud/protocol/wire/api/leases'
import type { Address } from 'viem'
import { makeKeeperClient } from '../../../data/keeper/client.ts'
import type { LeaseRow } from './lease-row.ts'

/** @returns undefined when the keeper does not answer in time, or not in its schema. */
export const leasesFromKeeper = async (
  keeperUrl: string,
  tenant: Address,
  limit: number,
): Promise<LeaseRow[] | undefined> => {
  const answer: unknown = await makeKeeperClient(keeperUrl)
    .GET('/api/leases', { params: { query: { tenant, limit: String(limit) } } })
    .then(({ data }) => data)
    // Unreachable, late or not JSON: the caller reads the chain instead, which costs time and nothing else.
    .catch(() => undefined)
  const parsed = leasesSchema.safeParse(answer)
  return parsed.success ? parsed.data.leases : undefined
}
