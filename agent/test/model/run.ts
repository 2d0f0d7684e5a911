import type { Hex } from 'viem'
import { makeRandom } from '../../../test/world/random.ts'
import { makeFakeHypervisor } from '../../src/hypervisor/fake/driver.ts'
import { type Model, pickAction } from './actions.ts'
import { makeModelAgent } from './agent.ts'
import { makeModelChain } from './chain.ts'
import { INSTANCE, makeHost } from './host.ts'
import { rest } from './rest.ts'
import { makeWatch } from './watch.ts'

export type Outcome = {
  readonly seed: number
  /** Actions taken until the end, or until the first violation. */
  readonly steps: number
  readonly violations: readonly string[]
  /** The last actions before the end. */
  readonly trail: readonly string[]
  readonly counts: {
    /** How often each edge of the state machine was taken. */
    readonly edges: ReadonlyMap<string, number>
    /** And each kind of step. */
    readonly kinds: ReadonlyMap<string, number>
    readonly leases: number
    readonly starts: number
    readonly cuts: number
    readonly rests: number
  }
}

const REST_EVERY = 40
const TRAIL = 60

/**
 * Takes `steps` random actions, lets the agent act in between, cuts it anywhere, and checks after each.
 * @returns at the first violation. The same seed and number of steps give the same run.
 */
export const runModel = async (options: {
  seed: number
  steps: number
  /** Told every thousand steps. */
  onProgress?: (steps: number) => void
}): Promise<Outcome> => {
  const random = makeRandom(options.seed)
  const host = await makeHost()
  await makeFakeHypervisor(host.machine, INSTANCE).ensureNetwork(host.network)
  const chain = makeModelChain(host.trueMs, host.memoryMiB)
  const watch = makeWatch(host, chain)
  const agent = makeModelAgent(host, chain, watch, random)
  const model: Model = { host, chain, agent, watch, random }
  const trail: string[] = []
  const counts = { cuts: 0, rests: 0 }
  let steps = 0
  try {
    while (steps < options.steps && watch.violations.length === 0) {
      steps++
      host.act()
      const [name, , act] = pickAction(random)
      act(model)
      trail.push(name)
      if (trail.length > TRAIL) trail.shift()
      if (name.startsWith('cut-')) counts.cuts++
      await flySome(model)
      if (steps % REST_EVERY === 0 && watch.violations.length === 0) {
        counts.rests++
        trail.push('(rest)')
        await rest(model)
      }
      const held = agent.deps().resources.ledger.all()
      const heldMiB = held.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0)
      if (heldMiB > host.memoryMiB) watch.violations.push(`${heldMiB} MiB are promised of ${host.memoryMiB}`)
      for (const disk of host.vanished()) watch.violations.push(`the disk ${disk} is gone`)
      if (steps % 1_000 === 0) options.onProgress?.(steps)
    }
  } finally {
    agent.close()
    await host.release()
  }
  return {
    seed: options.seed,
    steps,
    violations: watch.violations,
    trail,
    counts: { ...counts, ...watch.totals(), kinds: agent.kinds },
  }
}

/** The agent looks at some leases, or at all, as events and sweeps would have it. */
const flySome = async ({ chain, agent, random, host }: Model) => {
  const known: readonly Hex[] = [...chain.latest().keys()]
  const passes = random.chance(0.3) ? known : [random.pick(known), random.pick(known)]
  for (const leaseId of passes) {
    if (leaseId === undefined) continue
    await agent.fly(leaseId)
    // Between two looks time goes on: a guest boots, a grace runs out.
    if (random.chance(0.5)) host.pass(random.below(4_000))
  }
}
