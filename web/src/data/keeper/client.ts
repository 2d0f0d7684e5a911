// A keeper's API with the types of its own document. What it answers is not believed for that: whoever reads an answer
// decodes it with the wire schema.
import createClient, { type Client } from 'openapi-fetch'
import type { paths } from './schema.d.ts'

const DEADLINE_MS = 4_000

export type KeeperClient = Client<paths>

/** @param url of a keeper, with or without a path under which it is served. Requests that take longer than 4 s reject. */
export const makeKeeperClient = (url: string): KeeperClient =>
  createClient<paths>({
    baseUrl: url,
    credentials: 'omit',
    fetch: (request) => fetch(request, { signal: AbortSignal.timeout(DEADLINE_MS) }),
  })
