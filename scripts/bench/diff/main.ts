// One look over a node of 1,000 simulated guests with nothing to do: everything listed, every lease planned.
// `npm run bench -- diff [--vms N] [--runs N]`. The peer only lists the machine, which every look has to do at least.
import { makeReconciler } from '../../../agent/src/reconcile/reconciler.ts'
import { makeCrowd } from '../../../agent/test/helpers/crowd.ts'
import { readFlags } from '../../lib/flags.ts'
import { atMost, inPairs, median, percentile, report } from '../lib.ts'

const { whole } = readFlags('usage: npm run bench -- diff [--vms 1000] [--runs 20]', {
  vms: { type: 'string', default: '1000' },
  runs: { type: 'string', default: '20' },
})
const [vms, runs] = [whole('vms', 1, 100_000), whole('runs', 1, 10_000)]

const crowd = await makeCrowd(vms)
const { hypervisor, disks, seeds } = crowd.deps

/** Milliseconds from the start of a reconciler until it has been through with every lease. */
const look = async (): Promise<number> => {
  const settled = crowd.allSettled()
  const acted: string[] = []
  const reconciler = makeReconciler({
    deps: crowd.deps,
    onSettled: settled.one,
    beforeStep: (_, step) => acted.push(step.kind),
  })
  const began = performance.now()
  reconciler.start()
  await settled.all
  const took = performance.now() - began
  await reconciler.close()
  if (acted.length > 0)
    throw new Error(`There was something to do after all: ${acted.slice(0, 5).join(', ')}`)
  return took
}

const listOnly = async (): Promise<number> => {
  const began = performance.now()
  await Promise.all([hypervisor.list(), disks.list(), seeds.list()])
  return performance.now() - began
}

try {
  await look() // warm
  const before = crowd.looks()
  const taken = await inPairs(runs, look, listOnly)
  const listsPerLook = (crowd.looks() - before - runs) / runs
  const worst = Math.max(...taken.ours)
  report({
    name: 'diff',
    ours: {
      vms,
      runs,
      medianMs: median(taken.ours),
      p95Ms: percentile(taken.ours, 0.95),
      worstMs: worst,
      listsPerLook,
    },
    peer: { what: 'listing domains, disks and seeds once', medianMs: median(taken.peer) },
    ratio: median(taken.peer) / median(taken.ours),
    targets: [
      atMost(`ms of the slowest of ${runs} looks over ${vms} guests`, 1_000, worst),
      atMost('lists of the machine in one look', 1, listsPerLook),
    ],
  })
} finally {
  await crowd.close()
}
