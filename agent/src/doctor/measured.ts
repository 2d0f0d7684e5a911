// What was measured and proved of this machine, held against what is registered and configured. Nothing is measured here.
import { nodeRegistryAbi } from '@decloud/protocol'
import type { BenchmarkFacts, ProbeFacts } from '@decloud/protocol/wire/facts'
import { comparePoints } from '../domain/benchmark.ts'
import { whyNotProven } from '../domain/probe.ts'
import { newestBenchmark, newestProbe } from './facts.ts'
import { type Finding, ok, warn } from './finding.ts'
import type { Subject } from './subject.ts'

const BENCHMARK = 'benchmark'
const PROBE = 'probe'

export const checkProbe = async (subject: Subject): Promise<Finding[]> => {
  const { dataDir, acceleration, hypervisor } = subject.config()
  if (hypervisor === 'simulated') return [ok(PROBE, 'not needed: guests are simulated')]
  const probe = newestProbe(dataDir)
  const refusal = whyNotProven(probe, Date.now() / 1_000, true)
  // What `register` would say; a failure has a finding that says more.
  const unproven =
    refusal === null || refusal.code === 'probe-failed'
      ? []
      : [warn(PROBE, refusal.code, refusal.message, 'Boot a guest: decloud-node probe')]
  return unproven.length > 0 || probe === null ? unproven : judgeProbe(probe, acceleration)
}

export const checkBenchmark = async (subject: Subject): Promise<Finding[]> => {
  const { dataDir, node } = subject.config()
  const benchmark = newestBenchmark(dataDir)
  if (benchmark === null) {
    const todo = 'Measure it: decloud-node benchmark'
    return [warn(BENCHMARK, 'benchmark-missing', 'this machine was never measured', todo)]
  }
  const chain = await subject.chain()
  const { capacity } = await chain.request('read what this node offers', (client) =>
    client.readContract({
      ...{
        address: chain.deployment.nodeRegistry,
        abi: nodeRegistryAbi,
        functionName: 'offer',
        args: [node],
      },
    }),
  )
  return [judgeBenchmark(benchmark, Number(capacity.pointUnits))]
}

/** Pure. @param registered point-units. */
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
        '`decloud-node capacity set` lowers it to that: tenants get less than they pay for.',
      )
    : warn(
        BENCHMARK,
        'points-unused',
        beside,
        '`decloud-node capacity set` offers all of it: the rest earns nothing.',
      )
}

/** Pure. */
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
