// Boots the guests, a few at a time, and kills the agent, inside an own machine.
//   guests.ts IMAGES GUESTS RUNS
import type { Hex } from 'viem'
import { startNode } from '../../crash/agent/node.ts'
import { virsh } from '../../lib/own-libvirtd.ts'
import { until } from '../../lib/until.ts'
import { atMost, median, report } from '../lib.ts'

/** Cores that emulate several booting kernels serve none of them in time. */
const AT_A_TIME = 3
const BOOT_DEADLINE_MS = 180_000
const LIMIT_MS = 5_000
/** Twenty guests of a higher tier are more than the node offers. */
const BURSTABLE = 3

const [imageDir, guests, runs] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])]
const node = await startNode({ folder: process.env['TMPDIR']!, imageDir })
const leaseIds: Hex[] = []

const allRun = async () => {
  const reports = await node.reports()
  return leaseIds.every((id) => reports.get(id)?.vm.status === 'Running')
}

while (leaseIds.length < guests) {
  for (let nth = 0; nth < AT_A_TIME && leaseIds.length < guests; nth++)
    leaseIds.push(await node.open(BURSTABLE))
  await until(allRun, BOOT_DEADLINE_MS, 'not all guests run', 500)
  console.error(`${leaseIds.length} of ${guests} guests run`)
}

/** Its feed is current, and every guest that it finds belongs to a lease that it knows. */
const isAdopted = async () => {
  const health = await node.health()
  return (
    health?.status === 'ok' &&
    health.guests.running === guests &&
    health.guests.unknown.length === 0 &&
    allRun()
  )
}

/** One line a guest: its QEMU, how often it was started, and what its own kernel calls this boot. */
const guestsNow = async () => {
  const { picture } = await node.see(leaseIds)
  return leaseIds.map((id) => JSON.stringify(picture.guests.get(id)))
}

const before = await guestsNow()
const taken: { upMs: number; adoptedMs: number; peerMs: number }[] = []
for (let run = 0; run < runs; run++) {
  const began = performance.now()
  await node.agent.kill()
  const upMs = performance.now() - began
  await until(isAdopted, LIMIT_MS * 6, 'not all guests are adopted', 20)
  const adoptedMs = performance.now() - began
  const peerBegan = performance.now()
  for (const name of (await virsh('list', '--name')).split('\n').filter(Boolean)) await virsh('dominfo', name)
  taken.push({ upMs, adoptedMs, peerMs: performance.now() - peerBegan })
  console.error(
    `run ${run + 1} of ${runs}: up after ${Math.round(upMs)} ms, all adopted after ${Math.round(adoptedMs)} ms`,
  )
}
const changed = (await guestsNow()).filter((line, nth) => line !== before[nth])
const of = (name: 'upMs' | 'adoptedMs' | 'peerMs') => taken.map((run) => run[name])
const worst = Math.max(...of('adoptedMs'))
report({
  name: 'adopt',
  ours: {
    guests,
    runs,
    processUpMedianMs: median(of('upMs')),
    adoptedMedianMs: median(of('adoptedMs')),
    worstMs: worst,
  },
  peer: { what: 'virsh list, and dominfo of each', medianMs: median(of('peerMs')) },
  ratio: median(of('peerMs')) / median(of('adoptedMs')),
  targets: [
    atMost(`ms from the kill until all ${guests} are adopted, slowest of ${runs}`, LIMIT_MS, worst),
    atMost('guests that noticed (QEMU, starts or boot id changed)', 0, changed.length),
  ],
})
process.exit(0)
