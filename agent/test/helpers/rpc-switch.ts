// A proxy in front of an RPC that can be cut: requests then end without an answer.
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export type RpcSwitch = {
  url: string
  cut(): void
  restore(): void
  /** Resolves when `count` more requests have been refused. */
  refusals(count: number): Promise<void>
  close(): Promise<void>
}

export const makeRpcSwitch = async (target: string): Promise<RpcSwitch> => {
  let open = true
  const waiting: { left: number; done: () => void }[] = []
  const refused = () => {
    for (const waiter of waiting) if (--waiter.left === 0) waiter.done()
  }
  const server = createServer((incoming, outgoing) => {
    if (!open) {
      incoming.socket.destroy()
      refused()
      return
    }
    const { method, headers } = incoming
    const onward = request(target, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      open = false
      server.closeAllConnections()
    },
    restore: () => {
      open = true
    },
    refusals: (count) => new Promise((done) => waiting.push({ left: count, done })),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
