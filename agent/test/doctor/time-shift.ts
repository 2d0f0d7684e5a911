// A chain as a machine sees it whose clock is off: every time that it is told is shifted, headers and blocks alike.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Block = { timestamp?: string } | null
type Answer = { result?: unknown }

export const startShifted = async (target: string, seconds: number) => {
  const server = createServer(async (incoming, outgoing) => {
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(target, { method: 'POST', headers, body })
    const said: unknown = await answer.json()
    for (const one of [said].flat() as Answer[]) {
      const block = one.result as Block
      if (typeof block === 'object' && block?.timestamp !== undefined)
        block.timestamp = `0x${(Number(block.timestamp) + seconds).toString(16)}`
    }
    const date = new Date(Date.now() + seconds * 1_000).toUTCString()
    outgoing.writeHead(answer.status, { ...headers, date }).end(JSON.stringify(said))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
