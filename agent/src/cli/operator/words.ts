// How amounts and times are said to a person.
import { formatUsdc, type Prices } from '@decloud/protocol'
import { formatEther } from 'viem'

export const usdc = (amount: bigint): string => `${formatUsdc(amount)} USDC`

/** Wei in whole coins, not more digits than tell anything. */
export const coins = (wei: bigint): string => {
  const [whole = '0', fraction = ''] = formatEther(wei).split('.')
  const shown = fraction.slice(0, 6).replace(/0+$/, '')
  return shown === '' ? whole : `${whole}.${shown}`
}

export const moment = (unixSeconds: number): string =>
  unixSeconds === 0 ? '–' : `${new Date(unixSeconds * 1_000).toISOString().slice(0, 19)}Z`

const UNITS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
] as const

/** The two largest units are enough. */
export const span = (seconds: number): string => {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`
  const parts: string[] = []
  let rest = Math.floor(seconds)
  for (const [size, name] of UNITS) {
    if (rest >= size && parts.length < 2) parts.push(`${Math.floor(rest / size)} ${name}`)
    rest %= size
  }
  return parts.join(' ')
}

export const pricesText = ({ point, memoryGiB, diskGiB, gpu }: Prices): string =>
  `point ${formatUsdc(point)}, memory ${formatUsdc(memoryGiB)}, disk ${formatUsdc(diskGiB)}, GPU ${formatUsdc(gpu)} USDC an hour`

/** Until the first lease the escrow knows no payee who could say so: it has to be remembered. */
export const FIRST_LEASE =
  'After its first lease give `decloud-node entrust` once: the agent can credit downtime and reclaim only then.'

/** @param entrusted of `NodeState`. @returns null when there is nothing to do. */
export const entrustText = (entrusted: boolean | null): string | null => {
  if (entrusted === null) return FIRST_LEASE
  return entrusted
    ? null
    : "the agent may not credit downtime or reclaim: `decloud-node entrust`, signed by the node's payee, lets it"
}

/** Columns as wide as their widest cell. */
export const columns = (rows: readonly (readonly string[])[]): string[] => {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
