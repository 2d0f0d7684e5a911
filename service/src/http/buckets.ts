// Token buckets by caller, in bounded memory.

export type Taken = {
  granted: boolean
  /** Whole tokens left. */
  remaining: number
  /** Seconds until the bucket is full again; when refused, until the next token. */
  seconds: number
}

type Bucket = { tokens: number; at: number }

export type BucketOptions = {
  perMinute: number
  /** Callers remembered at most. */
  most?: number
  /** Monotonic milliseconds. */
  now?: () => number
}

/** A caller starts with a minute's worth of tokens and gets them back evenly over a minute. */
export const makeBuckets = ({ perMinute, most = 50_000, now = () => performance.now() }: BucketOptions) => {
  const perMs = perMinute / 60_000
  const buckets = new Map<string, Bucket>()

  /** Full buckets say nothing. Where none is full, the oldest tenth goes: memory is bounded before fairness. */
  const makeRoom = (at: number) => {
    for (const [caller, bucket] of buckets) {
      if (bucket.tokens + (at - bucket.at) * perMs >= perMinute) buckets.delete(caller)
    }
    let surplus = buckets.size - most * 0.9
    if (surplus < most * 0.1) return
    for (const caller of buckets.keys()) {
      if (surplus-- <= 0) break
      buckets.delete(caller)
    }
  }

  return {
    take: (caller: string): Taken => {
      const at = now()
      let bucket = buckets.get(caller)
      if (bucket === undefined) {
        if (buckets.size >= most) makeRoom(at)
        bucket = { tokens: perMinute, at }
        buckets.set(caller, bucket)
      }
      bucket.tokens = Math.min(perMinute, bucket.tokens + (at - bucket.at) * perMs)
      bucket.at = at
      if (bucket.tokens < 1)
        return { granted: false, remaining: 0, seconds: Math.ceil((1 - bucket.tokens) / perMs / 1_000) }
      bucket.tokens -= 1
      const remaining = Math.floor(bucket.tokens)
      return { granted: true, remaining, seconds: Math.ceil((perMinute - bucket.tokens) / perMs / 1_000) }
    },
    size: () => buckets.size,
  }
}

/** One caller's key: an IPv4 address, or the /64 of an IPv6 one, of which anybody has 2^64. */
export const callerOf = (address: string): string => {
  const colon = address.indexOf(':')
  if (colon === -1) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped !== null) return mapped[1]!
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length
  const groups = [...first, ...Array.from({ length: Math.max(zeros, 0) }, () => '0'), ...last]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group || '0', 16).toString(16))
    .join(':')}::/64`
}
