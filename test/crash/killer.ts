// When to kill. Uniform in time finds what lasts long; the rest is aimed at moments that do not.
import { watch } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../world/random.ts'
import type { Fate, KeeperRig } from './keeper-process.ts'

export const AIMS = [
  'any time',
  'while it starts',
  'a transaction is written, not sent',
  'a transaction is sent, the answer lost',
  'a receipt is read, not noted',
  'in the middle of its sync',
  'while SQLite writes its cache',
  'while SQLite writes its journal',
] as const
type Aim = (typeof AIMS)[number]

/** A kill; `hit` when it fell where it was aimed, else the moment did not come and it was killed at the deadline. */
export type Kill = { keeper: string; aim: Aim; hit: boolean; fate: Fate }

const AIM_DEADLINE_MS = 6_000

type Moment = { reached: Promise<void>; release(): void }

/** Kills at the `nth` call of one of `methods`: before it reaches the chain, or when the chain has answered. */
const atCall = (
  rig: KeeperRig,
  methods: ReadonlySet<string>,
  nth: number,
  when: 'before' | 'after',
): Moment => {
  let left = nth
  let hit: () => void
  const reached = new Promise<void>((resolve) => {
    hit = resolve
  })
  const kill = async () => {
    await rig.kill()
    hit()
  }
  rig.gate.judge = async ({ method }) => {
    if (!methods.has(method)) return 'forward'
    left -= 1
    if (left !== 0 || when === 'after') return 'forward'
    await kill()
    return 'refuse'
  }
  rig.gate.after = async ({ method }) => {
    if (when === 'after' && methods.has(method) && left <= 0) await kill()
  }
  const release = () => {
    rig.gate.judge = () => 'forward'
    rig.gate.after = () => {}
  }
  return { reached, release }
}

/** Kills at the `nth` write to a database: a commit is several writes and a sync. */
const atWrite = (rig: KeeperRig, file: string, nth: number): Moment => {
  let left = nth
  const abort = new AbortController()
  const reached = new Promise<void>((resolve) => {
    watch(rig.dataDir, { signal: abort.signal }, (_, name) => {
      if (!name?.startsWith(file)) return
      left -= 1
      if (left === 0) void rig.kill().then(resolve)
    })
  })
  return { reached, release: () => abort.abort() }
}

const afterTime = (rig: KeeperRig, ms: number): Moment => {
  const abort = new AbortController()
  const reached = delay(ms, undefined, { signal: abort.signal }).then(
    () => rig.kill(),
    () => {},
  )
  return { reached, release: () => abort.abort() }
}

const SEND = new Set(['eth_sendRawTransaction'])
const RECEIPT = new Set(['eth_getTransactionReceipt'])
const SYNC = new Set(['eth_getLogs', 'eth_getBlockByNumber'])

const momentOf = (rig: KeeperRig, aim: Aim, random: Random): Moment => {
  switch (aim) {
    case 'any time':
      return afterTime(rig, random.between(0, 3_000))
    case 'while it starts':
      return afterTime(rig, random.between(0, 1_500))
    case 'a transaction is written, not sent':
      return atCall(rig, SEND, random.between(1, 2), 'before')
    case 'a transaction is sent, the answer lost':
      return atCall(rig, SEND, random.between(1, 2), 'after')
    case 'a receipt is read, not noted':
      return atCall(rig, RECEIPT, random.between(1, 8), 'after')
    case 'in the middle of its sync':
      return atCall(rig, SYNC, random.between(1, 40), random.chance(0.5) ? 'before' : 'after')
    case 'while SQLite writes its cache':
      return atWrite(rig, 'keeper.sqlite', random.between(1, 60))
    case 'while SQLite writes its journal':
      return atWrite(rig, 'local.sqlite', random.between(1, 12))
    default:
      aim satisfies never
      return afterTime(rig, 0)
  }
}

const fateOf = (random: Random): Fate => {
  const roll = random.next()
  return roll < 0.8 ? 'as it was' : roll < 0.93 ? 'without its cache' : 'with an empty folder'
}

/** Aims, kills, lets it lie for a moment and starts it again, with what its fate left it. */
export const killOnce = async (rig: KeeperRig, random: Random): Promise<Kill> => {
  const aim = random.pick(AIMS)
  // It shall have something to be killed at; a start is a moment of its own.
  if (aim !== 'while it starts' && aim !== 'in the middle of its sync') {
    await rig.up()
    await delay(random.between(0, 2_000))
  }
  const moment = momentOf(rig, aim, random)
  const timer = new AbortController()
  const late = delay(AIM_DEADLINE_MS, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const)
  const first = await Promise.race([moment.reached.then(() => 'hit' as const), late])
  timer.abort()
  moment.release()
  await rig.kill()
  const fate = fateOf(random)
  await rig.prepare(fate)
  await delay(random.between(0, 800))
  rig.start()
  return { keeper: rig.name, aim, hit: first === 'hit', fate }
}
