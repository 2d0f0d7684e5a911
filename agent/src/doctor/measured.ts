// What the newest benchmark and probe say, held against what is registered and configured. Pure.
import type { BenchmarkFacts, ProbeFacts } from '@decloud/protocol/wire/facts'
import { comparePoints } from '../domain/benchmark.ts'
import { type Finding, ok, warn } from './finding.ts'

const BENCHMARK = 'benchmark'
const PROBE = 'probe'

/** @param registered point-units. */
export const judgeBenchmark = ({ pointUnits, steady }: BenchmarkFacts, registered: number): Finding => {
  if ('unknown' in pointUnits || !steady) {
    const why = 'unknown' in pointUnits ? pointUnits.unknown : 'The machine was too busy.'
    const todo = 'Run `decloud-node benchmark` in a quiet moment.'
    return warn(BENCHMARK, 'benchmark-unsteady', `the last benchmark says nothing. ${why}`, todo)
  }
  const { value: units } = pointUnits
  const beside = `the machine makes ${units} point-units, ${registered} are registered`
  const comparison = comparePoints(units, registered)
  if (comparison === 'same') return ok(BENCHMARK, beside)
  return comparison === 'less'
    ? warn(
        BENCHMARK,
        'points-short',
        beside,
        'Lower what is registered (setCapacity): tenants get less than they pay for.',
      )
    : warn(
        BENCHMARK,
        'points-unused',
        beside,
        'More may be registered (setCapacity): it earns nothing as it is.',
      )
}

export const judgeProbe = (
  { outcome, kvm, message }: ProbeFacts,
  acceleration: 'auto' | 'kvm' | 'tcg',
): Finding[] => {
  if (outcome === 'failed') {
    const todo = 'Mend what the other findings name, then run `decloud-node probe`.'
    return [warn(PROBE, 'probe-failed', `the last probe guest did not boot: ${message}`, todo)]
  }
  if (kvm === 'never-boots' && acceleration !== 'tcg') {
    const todo = 'Use a host with real KVM; after a change there, run `decloud-node probe` again.'
    return [warn(PROBE, 'kvm-never-boots', message, todo)]
  }
  return [ok(PROBE, message)]
}
