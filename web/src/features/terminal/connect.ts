import { ticketSchema } from '@decloud/protocol/wire/access'
import { STREAM_PROTOCOL } from '@decloud/protocol/wire/terminal'
import type { Hex } from 'viem'
import type { NodeClient } from '../node-session/index.ts'

/** @returns a socket that is being opened. @throws as `NodeClient.ask`. */
export const connectTo = async (
  client: NodeClient,
  leaseId: Hex,
  stream: 'terminal' | 'console',
): Promise<WebSocket> => {
  const { ticket } = ticketSchema.parse(
    await client.ask(`v1/leases/${leaseId}/tickets`, { body: { for: stream } }),
  )
  const url = client.at(`v1/leases/${leaseId}/${stream}`)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return new WebSocket(url, [STREAM_PROTOCOL, `ticket.${ticket}`])
}
