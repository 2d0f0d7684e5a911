import { STEPS } from '@decloud/protocol/wire/api'
import { type Offered, plus } from '../domain/offered.ts'
import { spanOf } from '../domain/span.ts'
import type { Span } from '../ports/series.ts'
import type { ApiDeps } from './deps.ts'

/** 31 days of hours. */
const MOST_POINTS = 744
const USUAL_POINTS = 30

type Point = { at: number; values: bigint[] }
type Columns = { name: string; unit: string }[]
type Drawn = { columns: Columns; points: Point[] }

const stepsOf = ({ from, to, step }: Span) =>
  Array.from({ length: (to - from) / step + 1 }, (_, i) => from + i * step)

/** A value for every step: zeros where nothing happened. */
const filled = <row extends { at: number }>(
  span: Span,
  rows: readonly row[],
  values: (row: row | undefined) => bigint[],
): Point[] => {
  const known = new Map(rows.map((row) => [row.at, row]))
  return stepsOf(span).map((at) => ({ at, values: values(known.get(at)) }))
}

const OFFERED = ['nodes', 'pointUnits', 'memoryMiB', 'diskGiB', 'gpus'] as const satisfies (keyof Offered)[]

const DRAW: Readonly<Record<'leases' | 'revenue' | 'capacity', (deps: ApiDeps, span: Span) => Drawn>> = {
  leases: ({ series }, span) => ({
    columns: ['opened', 'activated', 'ended'].map((name) => ({ name, unit: 'leases' })),
    points: filled(span, series.leases(span), (row) => [
      row?.opened ?? 0n,
      row?.activated ?? 0n,
      row?.ended ?? 0n,
    ]),
  }),
  revenue: ({ series }, span) => ({
    columns: ['nodes', 'relays', 'platform'].map((name) => ({ name, unit: 'µUSDC' })),
    points: filled(span, series.revenue(span), (row) => [
      row?.nodes ?? 0n,
      row?.relays ?? 0n,
      row?.platform ?? 0n,
    ]),
  }),
  capacity: ({ series }, span) => {
    const { before, changes } = series.capacity(span)
    const known = new Map(changes.map((row) => [row.at, row]))
    const units = ['nodes', 'point-units', 'MiB', 'GiB', 'GPUs']
    let offered = before
    const points = stepsOf(span).map((at) => {
      const change = known.get(at)
      if (change !== undefined) offered = plus(offered, change)
      return { at, values: OFFERED.map((name) => offered[name]) }
    })
    return { columns: OFFERED.map((name, i) => ({ name, unit: units[i] ?? '' })), points }
  },
}

/** @throws DecloudError `span-invalid`. */
export const seriesAnswer = (
  deps: ApiDeps,
  series: keyof typeof DRAW,
  query: { step: keyof typeof STEPS; from?: number | undefined; to?: number | undefined },
  now: number,
) => {
  const step = STEPS[query.step]
  const span = { ...spanOf(query, { now, step, most: MOST_POINTS, usual: USUAL_POINTS }), step }
  return { series, step: query.step, ...DRAW[series](deps, span) }
}
