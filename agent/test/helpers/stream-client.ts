// The browser's side of a stream, for tests: it counts, acknowledges and remembers, as wire/terminal.ts says.
import type { TerminalReply } from '@decloud/protocol/wire/terminal'
import { WebSocket } from 'ws'

export type StreamClient = {
  socket: WebSocket
  replies: TerminalReply[]
  /** Every byte that came over this socket, as latin1. */
  text(): string
  bytes(): number
  tell(request: object): void
  type(text: string): void
  /** Resolves once the predicate holds; looks whenever something comes. */
  until(what: string, holds: () => boolean, ms?: number): Promise<void>
  /** The close code, once it is closed. */
  closed: Promise<number>
}

/** @param acks whether what comes is acknowledged, counted from `offset`. */
export const connectStream = async (
  url: string,
  {
    acks = true,
    offset = 0,
    protocols = ['decloud.v1'],
  }: { acks?: boolean; offset?: number; protocols?: string[] } = {},
): Promise<StreamClient> => {
  const socket = new WebSocket(url, protocols)
  const replies: TerminalReply[] = []
  const chunks: Buffer[] = []
  let bytes = 0
  const listeners = new Set<() => void>()
  const wake = () => {
    for (const listener of [...listeners]) listener()
  }
  const closing = Promise.withResolvers<number>()
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) {
      chunks.push(data)
      bytes += data.length
      if (acks) tell({ type: 'ack', offset: offset + bytes })
    } else replies.push(JSON.parse(data.toString()))
    wake()
  })
  socket.on('close', (code) => {
    closing.resolve(code)
    wake()
  })
  const tell = (request: object) => {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(request))
  }
  await new Promise((resolve, reject) => {
    socket.on('open', resolve)
    socket.on('error', reject)
  })
  return {
    socket,
    replies,
    text: () => Buffer.concat(chunks).toString('latin1'),
    bytes: () => bytes,
    tell,
    type: (text) => socket.send(Buffer.from(text), { binary: true }),
    until: (what, holds, ms = 15_000) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!holds()) return
          clearTimeout(timer)
          listeners.delete(look)
          resolve()
        }
        const timer = setTimeout(() => {
          listeners.delete(look)
          reject(new Error(`not in ${ms} ms: ${what}; ${bytes} bytes, ${JSON.stringify(replies.slice(-3))}`))
        }, ms)
        listeners.add(look)
        look()
      }),
    closed: closing.promise,
  }
}
