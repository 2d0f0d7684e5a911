// The mailboxes of the keepers that the operator named. Each is asked with a signature of the agent's own; what comes
// back is believed no further than it opens to the hash that the tenant signed.
import { type Deployment, mailboxCollect } from '@decloud/protocol'
import { type MailboxCollectBody, mailboxSealedSchema } from '@decloud/protocol/wire/mailbox'
import type { Hex, LocalAccount } from 'viem'
import type { Log } from '../reconcile/ports.ts'

const DEADLINE_MS = 5_000
/** The largest sealed manifest in hex, and what is around it. */
const MAX_ANSWER_BYTES = 40_960

export type MailboxOptions = {
  keeperUrls: readonly string[]
  deployment: Deployment
  node: number
  account: LocalAccount
  log: Log
  nowMs: () => number
}

/** @returns what the keepers hold for a lease; one that does not answer holds nothing, and the log says why. */
export const makeMailboxClient =
  ({ keeperUrls, deployment, node, account, log, nowMs }: MailboxOptions) =>
  async (leaseId: Hex): Promise<readonly Hex[]> => {
    if (keeperUrls.length === 0) return []
    const issuedAt = Math.floor(nowMs() / 1_000)
    const signature = await account.signTypedData(
      mailboxCollect(deployment, { leaseId, node, issuedAt: BigInt(issuedAt) }),
    )
    const answers = await Promise.all(
      keeperUrls.map(async (url) => {
        try {
          return await collect(url, leaseId, { node, issuedAt, signature })
        } catch (error) {
          log.warn({ leaseId, keeper: new URL(url).host, err: error }, 'a mailbox cannot be read')
          return null
        }
      }),
    )
    return answers.filter((sealed) => sealed !== null)
  }

/** @returns `null` when the keeper has none. */
const collect = async (url: string, leaseId: Hex, body: MailboxCollectBody): Promise<Hex | null> => {
  const base = url.endsWith('/') ? url : `${url}/`
  const response = await fetch(new URL(`api/mailbox/${leaseId}/collect`, base), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    redirect: 'error',
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  const text = await readBounded(response)
  if (response.status === 404) return null
  if (!response.ok) throw new TypeError(`it answered ${response.status}: ${text.slice(0, 300)}`)
  return mailboxSealedSchema.parse(JSON.parse(text)).sealed
}

const readBounded = async (response: Response): Promise<string> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new TypeError(`it answered more than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
