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

/** Resident bytes of a process before and at the highest point of some work, looked at every 100 ms. */
export const memoryDuring = async <result>(
  pid: number,
  work: () => Promise<result>,
): Promise<{ result: result; before: number; peak: number; looks: number }> => {
  const before = await rssOf(pid)
  let peak = before
  let looks = 0
  const timer = setInterval(() => {
    rssOf(pid).then(
      (now) => {
        peak = Math.max(peak, now)
        looks++
      },
      () => undefined, // it has ended, which the work will show
    )
  }, 100)
  try {
    return { result: await work(), before, peak, looks }
  } finally {
    clearInterval(timer)
  }
}
