// One end of a TCP stream, as a program: `stream.ts sink ADDRESS PORT [AVERAGE BURST]` takes what comes on one connection
// and prints, as JSON, how much it was in the time between the warm-up and the end; `stream.ts source ADDRESS PORT` sends
// until it is hung up on. A limit lets a burst through first: the warm-up lasts until that is used up.
import { createConnection, createServer, type Socket } from 'node:net'

const WARM_UP_MS = 1_500
const MEASURE_MS = 3_000
/** What goes over the wire for each byte of payload: an Ethernet frame of 1514 bytes carries 1448. */
const WIRE = 1514 / 1448
const DEADLINE_MS = 30_000

/** `steady`: the burst was used up before, so that the limit alone decided; else the stream was slower than the limit. */
export type Measured = { bytes: number; seconds: number; steady: boolean }

/** KB/s and KB, as libvirt and tc count the latter: 1024 bytes. */
type Limit = { average: number; burst: number }

/** A stream that has not used up the burst by then never will: the machine is too busy to outrun the limit. */
const LONGEST_WARM_UP_MS = 10_000

/** Whether a limit that was idle before has next to nothing more to give than its average. */
const isUsedUp = (limit: Limit | null, bytes: number, ms: number) =>
  limit === null || bytes * WIRE >= 0.9 * limit.burst * 1024 + limit.average * ms

/** @returns what came in after the warm-up; hangs up then. @param limit of which the burst is let pass first. */
export const drain = (socket: Socket, limit: Limit | null, measureMs = MEASURE_MS): Promise<Measured> =>
  new Promise((resolve, reject) => {
    let from: { bytes: number; at: number; steady: boolean } | null = null
    const startedAt = performance.now()
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the stream ended early')))
    socket.on('data', () => {
      const at = performance.now()
      const ms = at - startedAt
      const steady = isUsedUp(limit, socket.bytesRead, ms)
      const warm = ms >= (steady ? WARM_UP_MS : LONGEST_WARM_UP_MS)
      if (from === null && warm) from = { bytes: socket.bytesRead, at, steady }
      if (from === null || at - from.at < measureMs) return
      const { bytes } = from
      resolve({ bytes: socket.bytesRead - bytes, seconds: (at - from.at) / 1000, steady: from.steady })
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
  const [role, address, port, average, burst] = process.argv.slice(2)
  const limit = burst === undefined ? null : { average: Number(average), burst: Number(burst) }
  setTimeout(() => process.exit(3), DEADLINE_MS).unref()
  if (role === 'sink') {
    const server = createServer((socket) => {
      server.close()
      drain(socket, limit).then((measured) => console.log(JSON.stringify(measured)))
    })
    server.listen(Number(port), address, () => console.log('listening'))
  } else {
    pour(createConnection(Number(port), address))
  }
}
