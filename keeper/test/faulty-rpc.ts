// An RPC in front of a real one that lies, fails or stops, as it is told. It sits under a path like a provider's key.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Call = { id: number; method: string; params: unknown[] }
type Answer = { id: number; result?: unknown }
export type Fault = {
  /** Instead of an answer. */
  status?: number
  body?: string
  hang?: boolean
  /** Refuses every call with this text. */
  refusal?: string
  /** Changes single results. */
  result?(call: Call, result: unknown): unknown
  /** Seconds that its clock is ahead. */
  clock?: number
}

export const makeFaultyRpc = async (upstream: string, path = '/') => {
  let fault: Fault = {}
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString('utf8')
    const { status, body, hang, refusal, result, clock } = fault
    if (hang === true) return
    if (clock !== undefined) {
      response.setHeader('date', new Date(Date.now() + clock * 1_000).toUTCString())
    }
    if (status !== undefined || body !== undefined)
      return void response.writeHead(status ?? 200).end(body ?? '')
    if (refusal !== undefined) {
      const asked = JSON.parse(text) as Call | Call[]
      const refuse = ({ id }: Call) => ({ jsonrpc: '2.0', id, error: { code: -32_000, message: refusal } })
      return void response.end(JSON.stringify(Array.isArray(asked) ? asked.map(refuse) : refuse(asked)))
    }
    const answer = await fetch(upstream, {
      method: 'POST',
      body: text,
      headers: { 'content-type': 'application/json' },
    })
    if (result === undefined) return void response.end(await answer.text())
    const asked = JSON.parse(text) as Call | Call[]
    const calls = [asked].flat()
    const answers = ([await answer.json()].flat() as Answer[]).map((one) => ({
      ...one,
      result: result(calls.find(({ id }) => id === one.id)!, one.result),
    }))
    response.end(JSON.stringify(Array.isArray(asked) ? answers : answers[0]))
  }
  const server = createServer((request, response) => {
    respond(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}${path}`,
    set: (next: Fault) => {
      fault = next
    },
    close: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
export type FaultyRpc = Awaited<ReturnType<typeof makeFaultyRpc>>
