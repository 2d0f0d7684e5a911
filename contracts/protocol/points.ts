// What a compute point is. A definition, like that of a unit of measure: no machine was measured for it, and to change
// it would change what every registered node offers.
import { UNITS_PER_POINT } from './units.ts'

export const POINT_BASELINE = {
  /** Goes into every statement: figures of different baselines are not compared. */
  name: 'sysbench-cpu-10000/1',
  /** sysbench 1.0, `cpu`, its default limit of primes, one thread. */
  primeLimit: 10_000,
  /** Events in a second of a core's own time, by a core that is one point. */
  eventsPerSecond: 1_000,
} as const

/**
 * @param eventsPerSecond of one core; at least 0.
 * @param cores of the machine, not threads: two threads of a core share what it does.
 * @returns point-units, 12 to a point, rounded down.
 */
export const pointUnitsOf = (eventsPerSecond: number, cores: number): number =>
  Math.floor((Number(UNITS_PER_POINT) * eventsPerSecond * cores) / POINT_BASELINE.eventsPerSecond)
