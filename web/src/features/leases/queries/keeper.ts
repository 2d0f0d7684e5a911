// A tenant's leases from a keeper's index, where one is configured: one request in the place of a scan of all logs.
// It is a convenience: any trouble falls back to the chain, and a lease's own page reads the chain alone.
import { leasesSchema } from '@decloud/protocol/wire/api'
import type { Address } from 'viem'
import type { LeaseRow } from './lease-row.ts'

const DEADLINE_MS = 4_000

/** @returns undefined when the keeper does not answer in time, or not in its schema. */
export const leasesFromKeeper = async (
  keeperUrl: string,
  tenant: Address,
  limit: number,
): Promise<LeaseRow[] | undefined> => {
  const url = new URL('api/leases', keeperUrl.endsWith('/') ? keeperUrl : `${keeperUrl}/`)
  url.search = new URLSearchParams({ tenant, limit: String(limit) }).toString()
  const json: unknown = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS), credentials: 'omit' })
    .then((response) => (response.ok ? response.json() : undefined))
    // Unreachable, late or not JSON: the caller reads the chain instead, which costs time and nothing else.
    .catch(() => undefined)
  const parsed = leasesSchema.safeParse(json)
  return parsed.success ? parsed.data.leases : undefined
}
