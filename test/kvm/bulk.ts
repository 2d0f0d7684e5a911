// Bytes by the hundred megabytes: made as they go, so that the test holds none of them, and what a process takes meanwhile.
import { createCipheriv, createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'

const BLOCK = 256 * 1024

/** The same bytes for the same seed; nothing compresses them. */
export const bytesOf = (seed: string, length: number): Readable => {
  const key = createHash('sha256').update(seed).digest()
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(BLOCK)
  return Readable.from(
    (function* () {
      for (let left = length; left > 0; left -= BLOCK)
        yield cipher.update(zeros.subarray(0, Math.min(BLOCK, left)))
    })(),
  )
}

export const sha256Of = async (
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ hash: string; length: number }> => {
  const hash = createHash('sha256')
  let length = 0
  for await (const chunk of bytes) {
    hash.update(chunk)
    length += chunk.length
  }
  return { hash: hash.digest('hex'), length }
}

const rssOf = async (pid: number): Promise<number> =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

const meanOf = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length

export type Memory = {
  before: number
  peak: number
  /** The mean of the last third above that of the middle one: what grows with the work, grows here. */
  drift: number
  looks: number
}

/** Resident bytes of a process while some work is done, looked at every 100 ms. */
export const memoryDuring = async <result>(
  pid: number,
  work: () => Promise<result>,
): Promise<{ result: result; memory: Memory }> => {
  const before = await rssOf(pid)
  const looks: number[] = []
  const timer = setInterval(() => {
    rssOf(pid).then(
      (now) => looks.push(now),
      () => undefined, // it has ended, which the work will show
    )
  }, 100)
  try {
    const result = await work()
    const third = Math.floor(looks.length / 3)
    const drift = meanOf(looks.slice(2 * third)) - meanOf(looks.slice(third, 2 * third))
    return { result, memory: { before, peak: Math.max(...looks), drift, looks: looks.length } }
  } finally {
    clearInterval(timer)
  }
}
