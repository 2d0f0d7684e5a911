// One end of a TCP stream, as a program: `stream.ts sink ADDRESS PORT` takes what comes on one connection and prints, as
// JSON, how much it was in the time between the warm-up and the end; `stream.ts source ADDRESS PORT` sends until it is
// hung up on. A limit lets a burst through first: the warm-up is as long as that may last.
import { createConnection, createServer, type Socket } from 'node:net'

const WARM_UP_MS = 2_000
const MEASURE_MS = 3_000
const DEADLINE_MS = 30_000

export type Measured = { bytes: number; seconds: number }

/** @returns what came in after the warm-up; hangs up then. */
export const drain = (socket: Socket, warmUpMs = WARM_UP_MS, measureMs = MEASURE_MS): Promise<Measured> =>
  new Promise((resolve, reject) => {
    let from: { bytes: number; at: number } | null = null
    const startedAt = performance.now()
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the stream ended early')))
    socket.on('data', () => {
      const at = performance.now()
      if (from === null && at - startedAt >= warmUpMs) from = { bytes: socket.bytesRead, at }
      if (from === null || at - from.at < measureMs) return
      resolve({ bytes: socket.bytesRead - from.bytes, seconds: (at - from.at) / 1000 })
      socket.destroy()
    })
  })

export const pour = (socket: Socket): void => {
  const block = Buffer.alloc(64 * 1024)
  const fill = () => {
    while (!socket.destroyed && socket.write(block));
  }
  socket.on('drain', fill)
  socket.on('error', () => socket.destroy()) // the other end has heard enough
  fill()
}

if (import.meta.main) {
  const [role, address, port] = process.argv.slice(2)
  setTimeout(() => process.exit(3), DEADLINE_MS).unref()
  if (role === 'sink') {
    const server = createServer((socket) => {
      server.close()
      drain(socket).then((measured) => console.log(JSON.stringify(measured)))
    })
    server.listen(Number(port), address, () => console.log('listening'))
  } else {
    pour(createConnection(Number(port), address))
  }
}
