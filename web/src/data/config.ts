// Where this dApp's contracts and RPC are: one JSON file beside index.html, so that the same bundle serves any chain.

import { deploymentSchema } from '@decloud/protocol/deployment'
import { DecloudError } from '@decloud/protocol/errors'
import { z } from 'zod'

const webConfigSchema = deploymentSchema.extend({
  rpcUrl: z.url({ protocol: /^https?$/ }),
  /** A keeper's read API. Optional: everything here also works on the RPC alone. */
  keeperUrl: z.url({ protocol: /^https?$/ }).optional(),
})
export type WebConfig = z.output<typeof webConfigSchema>

/** @throws DecloudError `config-invalid` naming the field. */
export const parseConfig = (json: unknown): WebConfig => {
  const parsed = webConfigSchema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new DecloudError('config-invalid', `deployment.json is not valid. ${z.prettifyError(parsed.error)}`, {
    hint: 'Write the contract addresses, chainId, fromBlock and rpcUrl of your deployment into it, then reload.',
  })
}

/** @throws DecloudError `config-missing`, `config-invalid`. */
export const fetchConfig = async (signal: AbortSignal): Promise<WebConfig> => {
  const response = await fetch('./deployment.json', { signal, cache: 'no-store' }).catch((cause: unknown) => {
    throw missing('it could not be fetched', cause)
  })
  if (!response.ok) throw missing(`the server answered ${response.status}`)
  const json: unknown = await response.json().catch((cause: unknown) => {
    throw missing('it is not JSON', cause)
  })
  return parseConfig(json)
}

const missing = (why: string, cause?: unknown) =>
  new DecloudError('config-missing', `deployment.json was not found beside this page: ${why}.`, {
    hint: 'Place the deployment file of your network next to index.html and reload. `npm run demo -- --keep` writes one for a local chain.',
    cause,
  })
