// The run itself, as a child of the own machine's process 1. Its end is the end of everything it has started.
//   inside.ts OPTIONS      a JSON object, see `InsideOptions`; writes report.json into the folder
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sentenceOf } from '@decloud/protocol'
import type { Hex } from 'viem'
import { makeRandom, type Random } from '../../../test/world/random.ts'
import { differences, type Expected, type Seen } from './judge.ts'
import { type Node, startNode } from './node.ts'
import { readQemus } from './picture.ts'
import { type KillRow, lineOf, type Target } from './report.ts'

export type InsideOptions = {
  folder: string
  imageDir: string
  seed: number
  kills: number
  /** Milliseconds from a kill until everything has to be explained. */
  convergeMs: number
}
export type InsideReport = Pick<KillReport, 'rows' | 'leases' | 'restarts' | 'atTheEnd'>
type KillReport = { rows: KillRow[]; leases: number; restarts: number; atTheEnd: readonly string[] }

const FIRST_BOOTS_MS = 120_000
const LOOK_AGAIN_MS = 500
const GUESTS = { least: 2, most: 4 }
const LONGEST_WAIT_MS = 6_000
const QEMU_WITHIN_MS = 10_000

const say = (text: string) => process.stderr.write(`${text}\n`)
const short = (leaseId: Hex) => leaseId.slice(2, 10)

const work = async ({ folder, imageDir, seed, kills, convergeMs }: InsideOptions): Promise<KillReport> => {
  const random = makeRandom(seed)
  say('libvirtd, a chain and an agent')
  const node = await startNode({ folder, imageDir })
  const { remains: baseline } = (await node.see([])).picture
  const leases = new Map<Hex, Expected>()

  /** @returns what is wrong when the time is over; nothing as soon as nothing is. */
  const converge = async (began = performance.now(), withinMs = convergeMs): Promise<readonly string[]> => {
    const deadline = began + withinMs
    for (;;) {
      const expected = [...leases.values()]
      // A picture takes dozens of processes, and the guests that are waited for have the same two cores.
      while (performance.now() < deadline && !(await node.believes(expected))) await delay(LOOK_AGAIN_MS)
      const seen = await node.see([...leases.keys()]).catch((error: unknown) => sentenceOf(error))
      const wrong =
        typeof seen === 'string' ? [`cannot be seen: ${seen}`] : differences(expected, seen, baseline)
      if (typeof seen !== 'string' && wrong.length === 0) {
        for (const lease of expected) leases.set(lease.leaseId, learnt(lease, seen))
        return []
      }
      if (performance.now() > deadline) return wrong
      await delay(LOOK_AGAIN_MS)
    }
  }

  for (let nth = 0; nth < GUESTS.least; nth++) await openOne(node, leases)
  const report: KillReport = {
    rows: [],
    leases: 0,
    restarts: 0,
    atTheEnd: await converge(performance.now(), FIRST_BOOTS_MS),
  }
  while (report.atTheEnd.length === 0 && report.rows.length < kills) {
    const row = await round(node, leases, random, report.rows.length + 1, converge)
    report.rows.push(row)
    say(`kill ${lineOf(row).join(' · ')}`)
    if (row.findings.length > 0) return { ...report, ...tally(leases) }
  }
  for (const { leaseId, wanted } of [...leases.values()]) {
    if (wanted !== 'gone') await closeOne(node, leases, leaseId)
  }
  const atTheEnd = report.atTheEnd.length > 0 ? report.atTheEnd : await converge()
  return { ...report, ...tally(leases), atTheEnd }
}

const tally = (leases: ReadonlyMap<Hex, Expected>) => ({
  leases: leases.size,
  restarts: [...leases.values()].reduce((sum, { starts }) => sum + Math.max(0, starts.least - 1), 0),
})

/** Once everything is explained, what is there is what must stay. */
const learnt = (lease: Expected, { picture }: Seen): Expected => {
  const guest = picture.guests.get(lease.leaseId)
  if (guest === undefined || lease.wanted === 'gone') return lease
  const starts = { least: guest.starts, most: guest.starts }
  return { ...lease, starts, qemu: guest.qemu, bootId: guest.bootId, disk: 'certain' }
}

type Leases = Map<Hex, Expected>

const openOne = async (node: Node, leases: Leases): Promise<Hex> => {
  const leaseId = await node.open()
  const starts = { least: 1, most: 1 }
  const mac = node.macOf(leaseId).toLowerCase()
  leases.set(leaseId, {
    leaseId,
    wanted: 'running',
    mac,
    starts,
    qemu: null,
    bootId: null,
    disk: 'possible',
    aside: 0,
  })
  return leaseId
}

const closeOne = async (node: Node, leases: Leases, leaseId: Hex) => {
  leases.set(leaseId, { ...leases.get(leaseId)!, wanted: 'gone' })
  await node.close(leaseId)
}

/** A start is due: at least so many more, at most so many. */
const restarts = (leases: Leases, leaseId: Hex, least: number, most: number) => {
  const lease = leases.get(leaseId)!
  const starts = { least: lease.starts.least + least, most: lease.starts.most + most }
  leases.set(leaseId, { ...lease, starts, qemu: null, bootId: null })
}

/** A tenant's order, and what it changes: whether the guest runs, starts that are due, disks set aside. */
const ORDERS = {
  'is stopped': { action: 'Stop', wanted: 'off', starts: 0, aside: 0 },
  'is started': { action: 'Start', wanted: 'running', starts: 1, aside: 0 },
  'is rebooted': { action: 'Reboot', wanted: 'running', starts: 1, aside: 0 },
  'is reinstalled': { action: 'Reinstall', wanted: 'running', starts: 1, aside: 1 },
} as const
type OrderKind = keyof typeof ORDERS
type ActKind = OrderKind | 'rest' | 'powers itself off' | 'is opened' | 'is closed'

type Act = { text: string; subject: Hex | null }

/** Something that goes on while the kill falls. */
const act = async (node: Node, leases: Leases, random: Random): Promise<Act> => {
  const running = [...leases.values()].filter(({ wanted }) => wanted === 'running')
  const off = [...leases.values()].filter(({ wanted }) => wanted === 'off')
  const kinds: ActKind[] = ['rest', 'powers itself off', 'is rebooted', 'is reinstalled']
  if (running.length + off.length < GUESTS.most) kinds.push('is opened', 'is opened')
  if (running.length > GUESTS.least) kinds.push('is closed', 'is stopped')
  if (off.length > 0) kinds.push('is started', 'is started')
  const kind = random.pick(kinds)
  const share = random.next()
  if (kind === 'rest') return { text: 'nothing', subject: null }
  const candidates = kind === 'is started' ? off : running
  const subject =
    kind === 'is opened'
      ? await openOne(node, leases)
      : candidates[Math.floor(share * candidates.length)]!.leaseId
  if (kind === 'is closed') await closeOne(node, leases, subject)
  else if (kind === 'powers itself off') restarts(leases, subject, (await node.powerOff(subject)) ? 1 : 0, 1)
  else if (kind !== 'is opened') await orderOne(node, leases, subject, kind)
  return { text: `${short(subject)} ${kind}`, subject }
}

const orderOne = async (node: Node, leases: Leases, leaseId: Hex, kind: OrderKind) => {
  const { action, wanted, starts, aside } = ORDERS[kind]
  restarts(leases, leaseId, starts, starts)
  const lease = leases.get(leaseId)!
  leases.set(leaseId, { ...lease, wanted, aside: lease.aside + aside })
  await node.order(leaseId, action)
}

const round = async (
  node: Node,
  leases: Leases,
  random: Random,
  nth: number,
  converge: (began: number) => Promise<readonly string[]>,
): Promise<KillRow> => {
  const { text, subject } = await act(node, leases, random)
  const afterMs = random.between(0, LONGEST_WAIT_MS)
  const target = random.pick<Target>(['agent', 'libvirtd', 'qemu'])
  const nthVictim = random.next()
  await delay(afterMs)
  const began = performance.now()
  const victim = await kill(node, leases, target, nthVictim, subject)
  const findings = await converge(began)
  return {
    ...{ nth, act: text, target, victim: victim === null ? null : short(victim), afterMs },
    convergedMs: findings.length === 0 ? Math.round(performance.now() - began) : null,
    findings,
  }
}

const kill = async (
  node: Node,
  leases: Leases,
  target: Target,
  share: number,
  subject: Hex | null,
): Promise<Hex | null> => {
  if (target === 'agent') await node.agent.kill()
  if (target === 'libvirtd') {
    // What libvirtd had only half started, it takes down when it comes back: starting that again is no restart.
    const { guests } = (await node.see([...leases.keys()])).picture
    for (const { leaseId, wanted } of [...leases.values()]) {
      if (wanted === 'running' && guests.get(leaseId)?.bootId == null) restarts(leases, leaseId, 0, 1)
    }
    await node.libvirtd.kill()
  }
  return target === 'qemu' ? killQemu(node, leases, share, subject) : null
}

/** Whose turn it is may just be off: its next QEMU is awaited. */
const killQemu = async (node: Node, leases: Leases, share: number, subject: Hex | null): Promise<Hex> => {
  const running = [...leases.values()].filter(({ wanted }) => wanted === 'running')
  const { leaseId } = running[Math.floor(share * running.length)]!
  for (const end = performance.now() + QEMU_WITHIN_MS; performance.now() < end; await delay(50)) {
    const qemu = (await readQemus()).find(({ name }) => name === node.domainOf(leaseId))
    if (qemu === undefined) continue
    // A guest that was to go off, or had just come up, may need one start for both.
    restarts(leases, leaseId, leaseId === subject ? 0 : 1, 1)
    process.kill(qemu.pid, 'SIGKILL')
    return leaseId
  }
  throw new Error(`There is no QEMU of ${leaseId} to kill.`)
}

const options = JSON.parse(process.argv[2]!) as InsideOptions
try {
  await writeFile(join(options.folder, 'report.json'), JSON.stringify(await work(options)))
  process.exit(0)
} catch (error) {
  say(sentenceOf(error))
  process.exit(2)
}
