// Stands between a client and a real RPC, to fail in the ways networks and nodes fail.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

type Call = { id: number; method: string; params?: unknown[] }
/** `forward` as is; `refuse` cuts the connection; or answer the call, or the whole request, with this instead. */
type Verdict =
  | 'forward'
  | 'refuse'
  | { answer: unknown }
  | { error: { code: number; message: string } }
  | { status: number; headers: Record<string, string> }

export type RpcProxy = {
  url: string
  /** Judges each call before it goes on; `after` runs when the real answer is there and not yet passed back. */
  judge: (call: Call) => Verdict | Promise<Verdict>
  after: (call: Call) => void | Promise<void>
  calls: string[]
  close(): Promise<void>
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8')
}

export const startRpcProxy = async (target: string): Promise<RpcProxy> => {
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request)
    const parsed = JSON.parse(body) as Call | Call[]
    const calls = Array.isArray(parsed) ? parsed : [parsed]
    proxy.calls.push(...calls.map((call) => call.method))
    const verdicts = await Promise.all(calls.map((call) => proxy.judge(call)))
    if (verdicts.includes('refuse')) {
      request.socket.destroy()
      return
    }
    const refused = verdicts.find((verdict) => typeof verdict === 'object' && 'status' in verdict)
    if (typeof refused === 'object' && 'status' in refused) {
      response.writeHead(refused.status, refused.headers).end()
      return
    }
    const answers = await Promise.all(
      calls.map(async (call, i) => {
        const verdict = verdicts[i]!
        if (typeof verdict === 'object' && 'answer' in verdict)
          return { jsonrpc: '2.0', id: call.id, result: verdict.answer }
        if (typeof verdict === 'object' && 'error' in verdict)
          return { jsonrpc: '2.0', id: call.id, error: verdict.error }
        const headers = { 'content-type': 'application/json' }
        const answer = await fetch(target, { method: 'POST', headers, body: JSON.stringify(call) })
        const json = await answer.json()
        await proxy.after(call)
        return json
      }),
    ).catch(() => null)
    if (answers === null) {
      request.socket.destroy()
      return
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(Array.isArray(parsed) ? answers : answers[0]))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: RpcProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    judge: () => 'forward',
    after: () => {},
    calls: [],
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}
