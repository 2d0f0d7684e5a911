// What befalls the keeper: the world goes on around it, block after block, with reorgs, dead RPCs, kills, a full disk, and
// then it becomes calm.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import type { Random } from '../world/random.ts'
import type { People } from './acts.ts'
import type { Call } from './market.ts'
import { DEEPEST, depthOf } from './plan.ts'
import { copyOf, hold, type Subject, type Surroundings, setFull, startSubject } from './subject.ts'
import type { Watch } from './watch.ts'
import type { Life } from './wire.ts'
import type { World } from './world.ts'

const BLOCK_MS = 2_000
const HOUR_MS = 3_600_000
const MOST_AMBUSHES = 24

export type Troubles = {
  /** What there is on the chain before the keeper is started. */
  past(): Promise<void>
  /** Starts the keeper and the world around it. */
  begin(): void
  subject(): Subject | null
  /** Whether the troubles are over, and the keeper has come to rest after them. */
  isSettled(): boolean
}

type Options = {
  around: Surroundings
  world: World
  people: People
  random: Random
  folder: string
  watch: Watch
  kinds: Map<string, number>
}

export const makeTroubles = ({ around, world, people, random, folder, watch, kinds }: Options): Troubles => {
  const { plan, clock, wire, trace } = around
  let subject: Subject | null = null
  let starts = 0
  let path = join(folder, 'keeper-0.sqlite')
  let full = false
  let letGo: (() => void) | null = null
  let calmHeight: number | null = null
  let calmRounds = 0

  const note = (text: string) => trace.note(`${clock.now()} world ${text}`)
  const count = (kind: string) => kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  const blockTime = () => Math.floor(clock.now() / 1_000)

  const mine = async (acts: number) => {
    const calls: Call[] = []
    for (let i = 0; i < acts; i++) {
      const act = people.act(Math.max(blockTime(), world.time() + 1))
      count(act.kind)
      calls.push(...act.calls)
    }
    await world.mine(calls, blockTime())
    const { number, hash } = world.branch().at(-1)!.header
    note(`block ${Number(number)} ${hash.slice(0, 10)} ${world.branch().at(-1)!.logs.length}`)
  }

  const busyness = () => (random.chance(0.6) ? random.between(1, 3) : 0)

  const reorg = async (depth = depthOf(random)) => {
    if (depth > plan.finality) watch.finalityBroke()
    const old = world.branch()
    await world.takeBack(depth)
    count('reorg')
    note(`reorg ${depth}`)
    const blocks = depth + random.pick([-1, 0, 1, 1, 2])
    for (let i = 0; i < blocks; i++) await mine(random.chance(0.2) ? 1 : 0)
    for (const rpc of wire.rpcs) {
      if (!random.chance(plan.lag)) continue
      rpc.stuck = old
      clock.after(random.between(500, 12_000), () => {
        rpc.stuck = null
      })
    }
  }

  const start = async () => {
    starts += 1
    const life: Life = { alive: true, name: `k${starts}` }
    try {
      const started = await startSubject(around, path, life)
      subject = started
      if (full) setFull(started.db, true)
      started.follower.onChange((change) => {
        if (change.kind === 'finalized') watch.look(started)
        else watch.committed(started, change.cursor)
      })
      started.follower.start()
      note(`${life.name} started`)
    } catch (error) {
      note(`${life.name} did not start: ${error instanceof DecloudError ? error.code : String(error)}`)
      life.alive = false
      clock.after(1_000, () => void start())
    }
  }

  const kill = (how: string) => {
    const dead = subject
    if (dead === null) return
    subject = null
    count(how)
    note(`${dead.life.name} ${how}`)
    dead.life.alive = false
    // As a killed process leaves it, before the last connection tidies up. An act of its own: the code that is being killed
    // may be inside of a transaction.
    const next = join(folder, `keeper-${starts}.sqlite`)
    copyOf(path, next)
    path = next
    clock.after(0, () => {
      letGo?.()
      letGo = null
      dead.close()
    })
    clock.after(random.between(1, 5_000), () => void start())
  }

  const lock = () => {
    if (letGo !== null || !existsSync(path)) return
    try {
      letGo = hold(path)
    } catch {
      // The keeper is in the middle of a transaction of its own: then nobody else gets in.
      return
    }
    count('busy')
    note('database held')
    clock.after(random.between(100, 8_000), () => {
      letGo?.()
      letGo = null
      note('database let go')
    })
  }

  const fill = () => {
    if (full) return
    full = true
    count('full')
    note('disk full')
    if (subject !== null) setFull(subject.db, true)
    clock.after(random.between(500, 10_000), () => {
      full = false
      if (subject !== null) setFull(subject.db, false)
      note('disk free')
    })
  }

  // Where it hurts most: the answer is on its way, and by the next question it is not true any more.
  let ambushes = 0
  wire.onAnswer = ({ params }) => {
    if (ambushes >= MOST_AMBUSHES || subject === null || plan.ambush === 0) return
    const cursor = Number(subject.follower.health().cursor?.height ?? 0n)
    const gap = world.height() - cursor
    // The worst moment is right after the keeper was told that its last block is still there.
    const worst = gap > 1 && gap < DEEPEST && Number(params[0]) === cursor
    if (!random.chance(worst ? 0.4 : plan.ambush)) return
    ambushes += 1
    count('ambush')
    // The branch point is somewhere, or right under what the keeper has read.
    const under = gap < DEEPEST && random.chance(0.7)
    const depth = under ? random.between(gap + 1, Math.min(gap + 8, DEEPEST)) : depthOf(random)
    clock.after(0, () => (calmHeight === null ? reorg(depth) : undefined))
  }

  const burst = async () => {
    count('burst')
    const many = random.between(3, 40)
    for (let i = 0; i < many; i++) await mine(random.chance(0.15) ? 1 : 0)
  }

  const disturb = async () => {
    if (random.chance(plan.burst)) await burst()
    if (random.chance(plan.reorg)) await reorg()
    for (const rpc of wire.rpcs) {
      if (random.chance(plan.lag)) rpc.lag = random.pick([0, 0, 1, 2, 5, 12])
      if (!rpc.down && random.chance(plan.outage)) {
        rpc.down = true
        count('outage')
        clock.after(random.between(1_000, 60_000), () => {
          rpc.down = false
        })
      }
    }
    if (random.chance(plan.crash)) {
      if (random.chance(0.5)) clock.after(random.below(BLOCK_MS), () => kill('killed'))
      else subject?.killInTransaction(() => kill('killed in a transaction'))
    }
    if (random.chance(plan.busy)) lock()
    if (random.chance(plan.full)) fill()
    if (random.chance(plan.sleep)) {
      clock.skip(random.between(60_000, 80 * HOUR_MS))
      count('sleep')
    }
    if (random.chance(plan.audit) && subject !== null) {
      count('audit')
      const { life } = subject
      subject.audit().then(
        ({ outcome }) => life.alive && note(`audit ${outcome}`),
        (error: unknown) =>
          life.alive && note(`audit failed ${error instanceof DecloudError ? error.code : error}`),
      )
    }
  }

  const becomeCalm = () => {
    calmHeight = world.height()
    calmRounds = subject?.follower.health().rounds ?? 0
    wire.calm()
    letGo?.()
    letGo = null
    full = false
    if (subject !== null) setFull(subject.db, false)
    note('calm')
  }

  let blocks = 0
  let over = false
  const block = async () => {
    if (over) return
    blocks += 1
    if (blocks <= plan.live) await disturb()
    if (blocks === plan.live) becomeCalm()
    await mine(blocks < plan.live ? busyness() : 0)
    // Until everything that happened is final, and finality is beyond what it ever was.
    if (calmHeight === null || world.height() < calmHeight + plan.finality + 70) clock.after(BLOCK_MS, block)
  }

  return {
    past: async () => {
      for (let i = 0; i < plan.past; i++) {
        clock.skip(random.chance(0.03) ? random.between(1, 30) * HOUR_MS : BLOCK_MS)
        await mine(busyness())
      }
    },
    begin: () => {
      void start()
      clock.after(BLOCK_MS, block)
    },
    subject: () => subject,
    isSettled: () => {
      if (calmHeight === null || subject === null) return false
      const { cursor, verified, state, rounds } = subject.follower.health()
      // The first round that ends may have begun before.
      const isReadAgain = verified !== null && verified >= BigInt(calmHeight) && rounds >= calmRounds + 2
      // From here on the world stands still: what is compared is one chain.
      over = isReadAgain && state === 'live' && cursor?.hash === world.branch().at(-1)!.header.hash
      return over
    },
  }
}
