// Everything that was wrong is put right, time goes on, and the agent has to arrive where the model says.
import { TRANSIENT } from '@decloud/protocol'
import type { Hex } from 'viem'
import { LIMITS } from '../../src/domain/situation.ts'
import type { Step } from '../../src/domain/steps.ts'
import type { Model } from './actions.ts'
import { INSTANCE } from './host.ts'

const ROUNDS = 400
/** What goes on for ever on a node at rest: each guest is asked again every minute, and its limits are read again. */
const ROUTINE: ReadonlySet<Step['kind']> = new Set(['CheckReady', 'Shape', 'Tune'])
const isRoutine = (taken: readonly Step[]) =>
  taken.length === 0 || (taken.at(-1)?.kind === 'CheckReady' && taken.every(({ kind }) => ROUTINE.has(kind)))

const heal = ({ host, chain, agent }: Model) => {
  host.setClock(0)
  host.freeBytes = 2 ** 50
  Object.assign(host.storage, { overlay: false, seed: false, rename: false, image: false })
  Object.assign(host.machine.faults, {
    defineFails: false,
    startFails: false,
    ignoresShutdown: false,
    agentNever: false,
    connectionLost: false,
  })
  chain.tell({ kind: 'none' })
  chain.setStale(false)
  chain.setFailing(false)
  chain.remine()
  agent.disarm()
}

const converge = async (model: Model): Promise<boolean> => {
  const { chain, agent, host } = model
  let quiet = 0
  for (let round = 0; round < ROUNDS && quiet < 3; round++) {
    let busy = false
    let waitMs = 5_000
    for (const leaseId of chain.latest().keys()) {
      waitMs = Math.min(waitMs, await agent.fly(leaseId))
      if (!isRoutine(agent.taken())) busy = true
    }
    const pending = agent
      .deps()
      .store.all()
      .some((vm) => TRANSIENT.has(vm.status) || isPaced(model, vm.nextAttemptMs))
    quiet = busy || pending || chain.pending() > 0 ? 0 : quiet + 1
    chain.finalize(chain.pending())
    host.pass(Math.max(1_000, waitMs))
  }
  return quiet >= 3
}
const isPaced = ({ host }: Model, atMs: number) => atMs > host.nowMs()

/** Brings the model to rest and holds it against the truth. */
export const rest = async (model: Model): Promise<void> => {
  heal(model)
  if (!(await converge(model))) model.watch.violations.push('does not come to rest')
  await checkAll(model)
  if (model.watch.violations.length === 0 && model.random.chance(0.5)) await checkOneDeath(model)
  forgetTheDead(model)
}

const checkAll = async (model: Model) => {
  const { host, chain, agent, watch } = model
  for (const leaseId of chain.latest().keys()) checkLease(model, leaseId)
  for (const { spec } of host.machine.state.domains) {
    const status = chain.latest().get(spec.leaseId)?.status
    watch.demand(spec.leaseId, status === 'Active' || status === 'Assigned', 'left an orphaned domain')
  }
  for (const leaseId of await agent.deps().seeds.list()) {
    const status = chain.latest().get(leaseId)?.status
    watch.demand(leaseId, status === 'Active' || status === 'Assigned', 'left an orphaned seed')
  }
  for (const leaseId of await agent.deps().keys.list()) {
    const status = chain.latest().get(leaseId)?.status
    const needed = status === 'Active' || status === 'Assigned' || host.disksOf(leaseId).length > 0
    watch.demand(leaseId, needed, 'left orphaned keys')
  }
  for (const { leaseId } of agent.deps().resources.ledger.all()) {
    const status = chain.latest().get(leaseId)?.status
    watch.demand(leaseId, status === 'Active' || status === 'Assigned', 'still holds room on the node')
  }
  for (const disk of await agent.deps().disks.list()) {
    const status = chain.latest().get(disk.leaseId)?.status
    const explained = status === 'Active' || status === 'Assigned' || disk.quarantinedAt !== null
    watch.demand(disk.leaseId, explained, 'left an orphaned disk in use')
  }
}

const checkLease = (model: Model, leaseId: Hex) => {
  const { host, chain, agent, watch } = model
  const lease = chain.latest().get(leaseId)
  const vm = agent.deps().store.get(leaseId)
  const { lasting, of } = agent.deps().outages
  const demand = (truth: boolean, what: string) =>
    watch.demand(
      leaseId,
      truth,
      `at rest: ${what} (${lease?.status}, ${vm?.status}, ${vm?.reason?.code}, ${vm?.task}, wish ${host.wish(leaseId).power})`,
    )
  const domain = host.machine.find(INSTANCE, leaseId)
  const outages = of(leaseId)
  for (const [i, outage] of outages.entries()) {
    const before = outages[i - 1]
    demand(before === undefined || (before.toMs ?? Infinity) < outage.fromMs, 'outages overlap')
  }
  demand(lasting(leaseId) === null, 'an outage goes on')
  demand(vm === null || !TRANSIENT.has(vm.status), 'a status that must pass has not')
  switch (lease?.status) {
    case 'Ended':
      demand(vm === null || vm.status === 'Deleted', 'not deleted')
      demand(host.diskInUse(leaseId) === null, 'its disk is in use')
      return
    case 'Assigned':
      return demand(vm?.refused === true || lease.activateBy * 1000 <= host.nowMs(), 'not activated')
    case 'Active': {
      if (chain.isDepleted(leaseId)) {
        demand(vm?.status === 'Stopped' && vm.reason?.code === 'depleted', 'not held')
        return demand(domain?.state !== 'running', 'runs unpaid')
      }
      if (host.wish(leaseId).power === 'off') {
        demand(vm?.status === 'Stopped' && vm.reason?.code === 'stopped-by-tenant', 'not stopped')
        return demand(domain?.state !== 'running', 'runs against its wish')
      }
      demand(vm?.status === 'Running' && vm.facts !== null, 'not running')
      demand(domain?.state === 'running', 'its guest does not run')
      const record = watch.ledger(leaseId)
      demand(record.startedAt >= record.orderedAt, 'a reboot was never served')
      checkExchange(model, leaseId, demand)
      const kept = host.disksOf(leaseId).length
      return demand(kept === record.disksMade && kept <= 1 + LIMITS.keptDisks, 'disks do not add up')
    }
    default:
      return
  }
}

/** Which disk it runs on, after the newest order about that. */
const checkExchange = (
  { host, watch, agent }: Model,
  leaseId: Hex,
  demand: (truth: boolean, what: string) => void,
) => {
  const record = watch.ledger(leaseId)
  const order = record.exchange
  const disk = host.diskInUse(leaseId)
  if (order === null || disk === null) return
  const { served } = agent.deps().store.get(leaseId) ?? { served: null }
  const wish = host.wish(leaseId)
  demand(served?.reinstallMs === wish.reinstallAtMs, 'a reinstall was never served')
  demand(served?.restoreMs === wish.restoreAtMs, 'a restore was never served')
  record.exchange = null
  // Refused when there were too many disks already, or none; both may have been so at the time only.
  const full = host.disksOf(leaseId).length > LIMITS.keptDisks
  if (order.kind === 'reinstall' && !full) demand(host.madeAt(disk) >= order.at, 'reinstalled on an old disk')
  if (order.kind === 'restore')
    demand(host.madeAt(disk) < order.at || record.disksMade < 2, 'restored a new disk')
}

/** One guest dies on a node at rest: it is started once, on its disk, and the time is on record. */
const checkOneDeath = async (model: Model) => {
  const { host, agent, watch, random, chain } = model
  const running = host.machine.state.domains.filter(
    ({ state, spec }) => state === 'running' && chain.latest().get(spec.leaseId)?.status === 'Active',
  )
  const victim = random.pick(running)?.spec.leaseId
  if (victim === undefined) return
  const before = { outages: agent.deps().outages.of(victim).length, starts: watch.ledger(victim).starts }
  const disk = host.diskInUse(victim)
  host.machine.crash(INSTANCE, victim)
  await converge(model)
  const still = chain.latest().get(victim)?.status === 'Active' && !chain.isDepleted(victim)
  if (!still) return
  const outages = agent.deps().outages.of(victim)
  watch.demand(
    victim,
    watch.ledger(victim).starts === before.starts + 1,
    'was not started once after it died',
  )
  watch.demand(victim, outages.length === before.outages + 1, 'died without an outage on record')
  watch.demand(victim, outages.at(-1)?.cause === 'crashed', `died of ${outages.at(-1)?.cause}`)
  watch.demand(victim, host.diskInUse(victim) === disk, 'came back on another disk')
}

/** Leases of which nothing is left on the node are dropped, so that a run of a million steps stays small. */
const forgetTheDead = ({ host, chain }: Model) => {
  for (const { leaseId, status } of chain.latest().values()) {
    if (status === 'Ended' && host.disksOf(leaseId).length === 0) chain.forget(leaseId)
  }
}
