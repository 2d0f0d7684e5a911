// Limits ⇄ the words of tc. Pure.
import { z } from 'zod'
import type { LinkRate } from '../ports/shaper.ts'

/** What waits at most before it is dropped: a fifth of a second of the rate, and never less than some large segments. */
const queueKB = ({ average }: LinkRate) => Math.max(256, Math.round(average / 5))

/**
 * Lines for `tc -batch` that limit what leaves `device`, in the units that libvirt gives to tc: `kbps` are 1000 bytes
 * a second, `kb` 1024 bytes. @param fresh whether the device has another queue at its root, which makes room first.
 */
export const limitLines = (device: string, limits: LinkRate, fresh: boolean): readonly string[] => {
  const { average, peak, burst } = limits
  const rate = `rate ${average}kbps ceil ${peak}kbps burst ${burst}kb quantum 60000`
  return [
    ...(fresh ? [`qdisc replace dev ${device} root handle 1: htb default 1`] : []),
    `class replace dev ${device} parent 1: classid 1:1 htb ${rate}`,
    `qdisc replace dev ${device} parent 1:1 handle 10: bfifo limit ${queueKB(limits)}kb`,
  ]
}

/** Lines that send all that comes in at `device` out through `ifb`, where it can be queued. */
export const redirectLines = (device: string, ifb: string): readonly string[] => [
  `qdisc replace dev ${device} handle ffff: ingress`,
  `filter replace dev ${device} parent ffff: protocol all pref 1 handle 800::800 u32 match u32 0 0 ` +
    `action mirred egress redirect dev ${ifb}`,
]

const qdiscs = z.array(z.object({ kind: z.string(), handle: z.string(), root: z.boolean().optional() }))

/** Of `tc -j qdisc show dev …`. */
export const rootsOf = (json: string): { htb: boolean; ingress: boolean } => {
  const found = qdiscs.parse(JSON.parse(json || '[]'))
  return {
    htb: found.some(({ kind, handle, root }) => root === true && kind === 'htb' && handle === '1:'),
    ingress: found.some(({ kind }) => kind === 'ingress'),
  }
}

const filters = z.array(
  z.object({
    kind: z.string().optional(),
    options: z
      .object({
        match: z.object({ value: z.string(), mask: z.string() }).optional(),
        actions: z
          .array(
            z.object({
              kind: z.string(),
              mirred_action: z.string().optional(),
              to_dev: z.string().optional(),
            }),
          )
          .optional(),
      })
      .optional(),
  }),
)

/** Of `tc -j filter show dev … parent ffff:`. @returns where everything is sent; null for nowhere. */
export const redirectOf = (json: string): string | null => {
  const all = filters.parse(JSON.parse(json || '[]')).flatMap(({ options }) => (options ? [options] : []))
  const whole = all.find(({ match }) => match?.mask === '0')
  const action = whole?.actions?.find(
    ({ kind, mirred_action }) => kind === 'mirred' && mirred_action === 'redirect',
  )
  return action?.to_dev ?? null
}

const BITS: Readonly<Record<string, number>> = { bit: 1, Kbit: 1e3, Mbit: 1e6, Gbit: 1e9 }
const BYTES: Readonly<Record<string, number>> = { b: 1, Kb: 1024, Mb: 1024 ** 2 }

/** Of `tc class show dev …`, whose JSON lacks the rates in the versions that are about. */
export const limitsOfClass = (text: string): LinkRate | null => {
  const line = text.split('\n').find((candidate) => /^class htb 1:1 root /.test(candidate))
  const [, rate, rateUnit, ceil, ceilUnit, burst, burstUnit] =
    /rate ([\d.]+)(\w+) ceil ([\d.]+)(\w+) burst ([\d.]+)(\w+)/.exec(line ?? '') ?? []
  const kBps = (value?: string, unit?: string) => (Number(value) * (BITS[unit ?? ''] ?? Number.NaN)) / 8_000
  const limits = {
    average: Math.round(kBps(rate, rateUnit)),
    peak: Math.round(kBps(ceil, ceilUnit)),
    burst: Math.round((Number(burst) * (BYTES[burstUnit ?? ''] ?? Number.NaN)) / 1024),
  }
  return Object.values(limits).every(Number.isFinite) ? limits : null
}

/** The kernel counts in ticks of its own: what comes back differs from what was asked for in the last digits. */
export const closeTo = (a: LinkRate | null, b: LinkRate | null): boolean => {
  if (a === null || b === null) return a === b
  const near = (x: number, y: number) => Math.abs(x - y) <= Math.max(1, 0.01 * y)
  return near(a.average, b.average) && near(a.peak, b.peak) && near(a.burst, b.burst)
}
