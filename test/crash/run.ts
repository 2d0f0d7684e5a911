// One run: a market under load, two keepers, kills; then quiet, time, and the reconciliation.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DecloudError, LEASE_STATUSES, leaseEscrowAbi } from '@decloud/protocol'
import type { Hex } from 'viem'
import { KEEPER, type Local, startLocal } from '../../chain/test/local.ts'
import { type Leftovers, startReaper } from '../../scripts/lib/leftovers.ts'
import { makeRandom, type Random } from '../world/random.ts'
import { type KeeperRig, makeRig } from './keeper-process.ts'
import { AIMS, type Kill, killOnce } from './killer.ts'
import { makeLoad } from './load.ts'
import { type Reconciliation, reconcile } from './reconcile.ts'

export type CrashOptions = {
  kills: number
  seed: number
  /** Seconds for all of it; an error when it takes longer. */
  withinSeconds: number
  /** Keeps databases and logs even when all is well. */
  keep: boolean
  signal: AbortSignal
  onProgress(text: string): void
}

export type CrashReport = Reconciliation & {
  seed: number
  seconds: number
  kills: { done: number; hit: number; byAim: Record<string, number>; byFate: Record<string, number> }
  leases: number
  load: Record<string, { done: number; refused: number }>
  /** Intents that a journal still thinks in flight, and keepers that ended by themselves. */
  unresolved: unknown[]
  ok: boolean
  /** Where databases and logs are, when they were kept. */
  folder: string | null
}

/** The account of the second keeper; the first is the scheduler. */
const SECOND_KEEPER = 51

export const runCrash = async (options: CrashOptions): Promise<CrashReport> => {
  const started = performance.now()
  const deadline = AbortSignal.timeout(options.withinSeconds * 1_000)
  const signal = AbortSignal.any([options.signal, deadline])
  await using stack = new AsyncDisposableStack()
  const leftovers = await startReaper()
  stack.defer(() => leftovers.reap())
  const folder = await mkdtemp(join(tmpdir(), 'decloud-crash-'))
  const local = await startLocal({ blockTime: 1 })
  await leftovers.process(local.anvil.pid)
  stack.defer(() => local.stop())
  const run = work({ ...options, signal }, local, leftovers, folder, stack)
  const result = await Promise.race([run, aborted(signal, options.withinSeconds, folder)])
  const keep = options.keep || !result.ok
  if (!keep) await rm(folder, { recursive: true, force: true })
  const seconds = Math.round((performance.now() - started) / 1_000)
  return { ...result, seed: options.seed, seconds, folder: keep ? folder : null }
}

const aborted = (signal: AbortSignal, seconds: number, folder: string): Promise<never> =>
  new Promise((_, reject) => {
    const fail = () => {
      const isLate = (signal.reason as { name?: string } | undefined)?.name === 'TimeoutError'
      const why = isLate ? `The run was not through after ${seconds} s.` : 'The run was broken off.'
      reject(new DecloudError('crash-aborted', why, { hint: `Databases and logs are in ${folder}.` }))
    }
    if (signal.aborted) fail()
    signal.addEventListener('abort', fail, { once: true })
  })

type Result = Omit<CrashReport, 'seed' | 'seconds' | 'folder'>

const work = async (
  options: CrashOptions,
  local: Local,
  leftovers: Leftovers,
  folder: string,
  stack: AsyncDisposableStack,
): Promise<Result> => {
  const { onProgress } = options
  const random = makeRandom(options.seed)
  onProgress('a market')
  const load = await makeLoad(local, random.fork('load'))
  const deaths: DecloudError[] = []
  const rigs: KeeperRig[] = []
  await local.anvil.client.setBalance({
    ...{ address: local.anvil.account(SECOND_KEEPER).address, value: 10n ** 20n },
  })
  for (const [name, account] of [['scheduler', KEEPER] as const, ['other', SECOND_KEEPER] as const]) {
    const onDeath = (error: DecloudError) => void deaths.push(error)
    const rig = await makeRig({ local, folder, name, account, leftovers, onDeath })
    stack.defer(() => rig.close())
    rig.start()
    rigs.push(rig)
  }
  await Promise.all(rigs.map((rig) => rig.up()))
  load.start()
  const kills = await killAll(options, local, rigs, random.fork('kills'))
  onProgress('the tenants leave it at that')
  await load.stop()
  await pace(local, true)
  const opened = [...load.opened.keys()]
  await Promise.all(rigs.map((rig) => rig.up()))
  await runDry(options, local, opened)
  const unresolved = [...(await drainJournals(local, rigs)), ...deaths.map((error) => error.sentence)]
  for (const rig of rigs) await rig.stop()
  const reconciliation = await reconcile(local, rigs, { folder, opened, onProgress })
  const { ends, doubleSends, auditDifferences, keeperDifferences } = reconciliation
  const wrong = [ends.lost, doubleSends, auditDifferences, keeperDifferences, unresolved]
  return {
    ...reconciliation,
    kills: summaryOf(kills),
    leases: opened.length,
    load: Object.fromEntries(load.counts),
    unresolved,
    ok: wrong.every((list) => list.length === 0) && kills.length === options.kills && opened.length > 0,
  }
}

/** Both keepers are killed at the same time, each at moments of its own: often neither is there. */
const killAll = async (
  { kills: wanted, signal, onProgress }: CrashOptions,
  local: Local,
  rigs: readonly KeeperRig[],
  random: Random,
): Promise<Kill[]> => {
  const kills: Kill[] = []
  let left = wanted
  const work = async (rig: KeeperRig) => {
    const own = random.fork(rig.name)
    while (left > 0 && !signal.aborted) {
      left -= 1
      if (own.chance(0.3)) await pace(local, own.chance(0.5))
      const kill = await killOnce(rig, own)
      kills.push(kill)
      onProgress(`kill ${kills.length} of ${wanted}: ${kill.keeper}, ${kill.aim}, comes back ${kill.fate}`)
    }
  }
  await Promise.all(rigs.map(work))
  return kills
}

/** Half of the time transactions wait for their block, as they do in the world. */
const pace = ({ anvil }: Local, atOnce: boolean) =>
  atOnce ? anvil.client.setAutomine(true) : anvil.client.setIntervalMining({ interval: 1 })

const summaryOf = (kills: readonly Kill[]): CrashReport['kills'] => {
  const byAim = Object.fromEntries(AIMS.map((aim) => [aim, kills.filter((kill) => kill.aim === aim).length]))
  const byFate: Record<string, number> = {}
  for (const { fate } of kills) byFate[fate] = (byFate[fate] ?? 0) + 1
  return { done: kills.length, hit: kills.filter(({ hit }) => hit).length, byAim, byFate }
}

const HOUR = 3_600
/** Until every deposit is used up, the last renewal too; then the 72 h of grace, and the hold-back. */
const TIDES = [1_000, HOUR, 6 * HOUR, 18 * HOUR, 24 * HOUR, 36 * HOUR, 40 * HOUR, 2 * HOUR, 2 * HOUR]
const MORE_TIDES = 10

/** Lets time run out, with the keepers left alone: all that is open has to come to its end by what they do. */
const runDry = async ({ signal, onProgress }: CrashOptions, local: Local, opened: readonly Hex[]) => {
  const tides = [...TIDES, ...Array.from({ length: MORE_TIDES }, () => 24 * HOUR)]
  for (const [nth, seconds] of tides.entries()) {
    if (signal.aborted) return
    const open = await openOf(local, opened)
    onProgress(`time runs out: ${open} of ${opened.length} leases are not over`)
    if (open === 0 && nth >= TIDES.length) return
    await local.anvil.moveTime(seconds)
    await quiet(local, signal)
  }
}

const openOf = async ({ anvil, deployment }: Local, opened: readonly Hex[]): Promise<number> => {
  const escrow = { address: deployment.leaseEscrow, abi: leaseEscrowAbi } as const
  let open = 0
  for (const leaseId of opened) {
    const lease = await anvil.client.readContract({ ...escrow, functionName: 'leaseOf', args: [leaseId] })
    if (LEASE_STATUSES[lease.status] !== 'Ended') open += 1
  }
  return open
}

/** Resolves when no keeper has sent anything for several rounds. */
const quiet = async ({ anvil }: Local, signal: AbortSignal) => {
  const sent = async () => {
    const counts = await Promise.all(
      [KEEPER, SECOND_KEEPER].map((index) =>
        anvil.client.getTransactionCount({ address: anvil.account(index).address }),
      ),
    )
    return counts.join()
  }
  let before = ''
  let same = 0
  while (same < 4 && !signal.aborted) {
    const now = await sent()
    same = now === before ? same + 1 : 0
    before = now
    await delay(750, undefined, { signal }).catch(() => {})
  }
}

const FINAL_WITHIN_MS = 30_000

/** Waits until every intent is final. @returns what is in flight after the deadline. */
const drainJournals = async ({ anvil }: Local, rigs: readonly KeeperRig[]): Promise<unknown[]> => {
  const end = Date.now() + FINAL_WITHIN_MS
  for (;;) {
    const inFlight = await Promise.all(
      rigs.map(async (rig) => {
        const health = (await (await fetch(`${await rig.up()}/health`)).json()) as { inFlight: number }
        return { keeper: rig.name, inFlight: health.inFlight }
      }),
    )
    const open = inFlight.filter((rig) => rig.inFlight > 0)
    // What was mined becomes final as blocks come.
    await anvil.client.mine({ blocks: 1 })
    if (open.length === 0 || Date.now() > end) return open
    await delay(250)
  }
}
