/**
 * The newest `capacity` bytes of a stream, each under its offset from the stream's beginning. They are copied: what they
 * came in, however small or large, is not kept alive. The system gives the memory as it is first written.
 */
export const makeRing = (capacity: number) => {
  const store = Buffer.alloc(capacity)
  let end = 0
  const start = () => Math.max(0, end - capacity)
  return {
    /** Offset of the oldest byte that is kept. */
    start,
    /** Offset of the next byte to come. */
    end: () => end,
    push: (chunk: Buffer) => {
      const kept = chunk.subarray(Math.max(0, chunk.length - capacity))
      const at = (end + chunk.length - kept.length) % capacity
      const first = kept.copy(store, at)
      kept.copy(store, 0, first)
      end += chunk.length
    },
    /** At most `limit` bytes from `offset` on, which is from `start()` to `end()`; fewer where the ring wraps. */
    read: (offset: number, limit: number): Buffer => {
      const at = offset % capacity
      return Buffer.from(store.subarray(at, Math.min(at + Math.min(limit, end - offset), capacity)))
    },
  }
}
