// What may happen, and how often. Each action is one step of a run.
import type { Hex } from 'viem'
import type { Random } from '../../../test/world/random.ts'
import type { Wish } from '../../src/domain/wish.ts'
import type { ModelAgent } from './agent.ts'
import type { Lie, ModelChain } from './chain.ts'
import { type Host, INSTANCE } from './host.ts'
import type { Watch } from './watch.ts'

export type Model = { host: Host; chain: ModelChain; agent: ModelAgent; watch: Watch; random: Random }
type Action = readonly [name: string, weight: number, act: (model: Model) => void]

const SECOND = 1_000
const HOUR = 3_600_000

const live = ({ chain }: Model): Hex[] =>
  [...chain.latest().values()].filter(({ status }) => status !== 'Ended').map(({ leaseId }) => leaseId)

const any = (model: Model): Hex | undefined => model.random.pick([...model.chain.latest().keys()])

const withLive = (act: (model: Model, leaseId: Hex) => void) => (model: Model) => {
  const leaseId = model.random.pick(live(model))
  if (leaseId !== undefined) act(model, leaseId)
}

const open = (model: Model) => {
  const { chain, random } = model
  const memoryMiB = random.pick([512, 1_024]) ?? 512
  const digits = Array.from({ length: 64 }, () => random.below(16).toString(16)).join('')
  chain.open(`0x${digits}`, memoryMiB, 600 + random.below(400_000))
}

const newestOf = (wish: Wish) => Math.max(wish.rebootAtMs, wish.reinstallAtMs, wish.restoreAtMs)

/** Orders are numbered by their time, and each is later than the one before, whatever the clock says. */
const order = (...all: readonly ('rebootAtMs' | 'reinstallAtMs' | 'restoreAtMs')[]) =>
  withLive((model, leaseId) => {
    for (const which of all) orderOne(model, leaseId, which)
  })

const orderOne = (
  { host, watch, chain }: Model,
  leaseId: Hex,
  which: 'rebootAtMs' | 'reinstallAtMs' | 'restoreAtMs',
) => {
  // An order is for a lease that bills: before that there is nothing to reboot.
  if (chain.latest().get(leaseId)?.status !== 'Active') return
  host.order(leaseId, (wish) => ({ ...wish, [which]: Math.max(host.nowMs(), newestOf(wish) + 1) }))
  const record = watch.ledger(leaseId)
  if (which === 'rebootAtMs') {
    record.rebootOrders++
    record.orderedAt = host.actions()
  } else record.exchangeOrders++
  if (which === 'reinstallAtMs') record.reinstallOrders++
  if (which !== 'rebootAtMs') {
    const kind = which === 'reinstallAtMs' ? 'reinstall' : 'restore'
    const alone = record.exchange === null && kind === 'restore' && host.disksOf(leaseId).length > 1
    record.exchange = { kind, at: host.actions(), instead: alone ? host.diskInUse(leaseId) : null }
  }
}

const guest = (act: (model: Model, leaseId: Hex) => void) => (model: Model) => {
  const running = model.host.machine.state.domains.filter(({ state }) => state === 'running')
  const found = model.random.pick(running)
  if (found !== undefined) act(model, found.spec.leaseId)
}

const lies: readonly Lie['kind'][] = [
  'empty',
  'nothing',
  'no-clock',
  'ended',
  'depleted',
  'other-node',
  'none',
]
const lie = (model: Model) => {
  const { chain, random } = model
  const kind = random.pick(lies) ?? 'none'
  const leaseId = any(model)
  if (kind === 'ended' || kind === 'depleted' || kind === 'other-node') {
    chain.tell(leaseId === undefined ? { kind: 'none' } : { kind, leaseId })
  } else chain.tell({ kind })
}

/** A fault of the simulated machine, on or off by chance. */
const flipFault =
  (name: 'defineFails' | 'startFails' | 'ignoresShutdown' | 'agentNever') =>
  ({ host, random }: Model) => {
    host.machine.faults[name] = random.chance(0.5)
  }
const flipStorage =
  (name: keyof Host['storage']) =>
  ({ host, random }: Model) => {
    host.storage[name] = random.chance(0.5)
  }

const ACTIONS: readonly Action[] = [
  ['open', 8, open],
  ['close', 4, withLive(({ chain }, id) => chain.close(id))],
  ['top-up', 4, withLive(({ chain, random }, id) => chain.topUp(id, random.below(200_000)))],
  ['finalize', 16, ({ chain, random }) => chain.finalize(1 + random.below(8))],
  [
    'reorg',
    5,
    ({ chain, random }) => chain.reorg(random.below(chain.pending() + 1), () => random.chance(0.7)),
  ],
  ['remine', 6, ({ chain }) => chain.remine()],
  [
    'deep-reorg',
    1,
    (model) => {
      const id = any(model)
      // The disk is still there only while the quarantine lasts; an end undone later than that has nothing to save.
      if (id === undefined || model.host.disksOf(id).length === 0) return
      if (!model.chain.undoEnd(id)) return
      // What was in hand when the lease ended is not taken up again: its disk comes back as it was set aside.
      model.watch.ledger(id).exchange = null
    },
  ],
  ['seconds', 16, ({ host, random }) => host.pass(random.below(60) * SECOND)],
  ['minutes', 8, ({ host, random }) => host.pass(random.below(60) * 60 * SECOND)],
  ['days', 2, ({ host, random }) => host.pass(random.below(100) * HOUR)],
  ['clock', 2, ({ host, random }) => host.setClock((random.below(400) - 200) * HOUR)],
  ['clock-right', 2, ({ host }) => host.setClock(0)],
  ['stale', 3, ({ chain, random }) => chain.setStale(random.chance(0.5))],
  ['lie', 4, lie],
  ['truth', 5, ({ chain }) => chain.tell({ kind: 'none' })],
  ['rpc-errors', 3, ({ chain, random }) => chain.setFailing(random.chance(0.4))],
  ['libvirt-away', 2, ({ host }) => host.machine.disconnect()],
  ['libvirt-back', 4, ({ host }) => host.machine.reconnect()],
  ['guest-crash', 5, guest(({ host }, id) => host.machine.crash(INSTANCE, id))],
  ['guest-poweroff', 4, guest(({ host }, id) => host.machine.powerOff(INSTANCE, id))],
  [
    'guest-no-space',
    2,
    guest(({ host }, id) => {
      host.freeBytes = 0
      host.machine.runOutOfSpace(INSTANCE, id)
    }),
  ],
  [
    'space',
    4,
    ({ host }) => {
      host.freeBytes = 2 ** 50
    },
  ],
  [
    'host-reboot',
    1,
    ({ host, agent }) => {
      for (const { spec } of host.machine.state.domains) host.machine.powerOff(INSTANCE, spec.leaseId)
      agent.restart()
    },
  ],
  ['agent-restart', 3, ({ agent }) => agent.restart()],
  ['cut-step', 10, ({ agent, random }) => agent.armCut('step', 1 + random.below(8))],
  ['cut-effect', 8, ({ agent, random }) => agent.armCut('effect', 1 + random.below(5))],
  ['define-fails', 2, flipFault('defineFails')],
  ['start-fails', 2, flipFault('startFails')],
  ['deaf-guests', 2, flipFault('ignoresShutdown')],
  ['silent-guests', 2, flipFault('agentNever')],
  ['overlay-full', 2, flipStorage('overlay')],
  ['seed-full', 2, flipStorage('seed')],
  ['rename-fails', 1, flipStorage('rename')],
  ['image-corrupt', 1, flipStorage('image')],
  ['stop', 4, withLive(({ host }, id) => host.order(id, (wish) => ({ ...wish, power: 'off' })))],
  ['start', 6, withLive(({ host }, id) => host.order(id, (wish) => ({ ...wish, power: 'on' })))],
  ['reboot', 4, order('rebootAtMs')],
  ['reinstall', 2, order('reinstallAtMs')],
  ['restore', 2, order('restoreAtMs')],
  ['restore-reinstall', 2, order('restoreAtMs', 'reinstallAtMs')],
  ['reinstall-restore', 1, order('reinstallAtMs', 'restoreAtMs')],
]

const TOTAL = ACTIONS.reduce((sum, [, weight]) => sum + weight, 0)

export const pickAction = (random: Random): Action => {
  let left = random.below(TOTAL)
  for (const action of ACTIONS) {
    left -= action[1]
    if (left < 0) return action
  }
  throw new RangeError('the weights do not add up')
}
