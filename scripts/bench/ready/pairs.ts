// The pairs themselves, inside an own machine.
//   pairs.ts IMAGES RUNS
import type { Hex } from 'viem'
import { waitForSystem } from '../../../agent/src/guest/system-check.ts'
import { testMachine } from '../../../test/kvm/machine.ts'
import { ROLES } from '../../../test/world/market.ts'
import { startWorld } from '../../../test/world/world.ts'
import { startLibvirtd, virsh } from '../../lib/own-libvirtd.ts'
import { closeLease, makeTenant, openLease, readLease } from '../../lib/tenant.ts'
import { until } from '../../lib/until.ts'
import { atMost, inPairs, median, percentile, report } from '../lib.ts'

const BOOT_DEADLINE_MS = 120_000
const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDCrFn2oZjmbMZ2CEdZHGVZIX1V2r7pP3NJIJg9HjGq3 bench'
const LIMIT_MS = 2_000
/** Where the time of a lease goes, in this order; each until the next begins. */
const PHASES = [
  'signed',
  'opened',
  'seen',
  'manifest',
  'disk',
  'boot',
  'ready',
  'activate',
  'active',
] as const
type Phase = (typeof PHASES)[number]
type Moments = Record<Phase, number>

const [imageDir, runs] = [process.argv[2]!, Number(process.argv[3])]
await startLibvirtd()
const machine = await testMachine('tiny')
const world = await startWorld({ hypervisor: 'libvirt', imageDir })
const node = world.nodes[0]!
const tenant = await makeTenant({
  rpcUrls: [world.anvil.rpcUrl],
  deployment: world.deployment,
  account: world.anvil.account(ROLES.tenant),
})

/** Milliseconds from `virsh start` until the guest says that it is ready. Its address is reserved, as ours is. */
const bare = async (nth: number): Promise<{ ms: number; moments: Moments | null }> => {
  const leaseId: Hex = `0x${(nth + 1).toString(16).padStart(64, '0')}`
  const spec = await machine.specOf(leaseId, SSH_KEY)
  const { hypervisor, network, instance } = machine
  const { name, mac } = spec.network
  await hypervisor.define(spec)
  const ip = network.subnet.replace(/\.0\/24$/, `.${10 + nth}`)
  const host = `<host mac='${mac}' ip='${ip}'/>`
  await virsh('net-update', name, 'add', 'ip-dhcp-host', host, '--live')
  const began = performance.now()
  await virsh('start', `decloud-${instance}-${leaseId.slice(2)}`)
  const check = await waitForSystem(hypervisor, leaseId, mac, { deadlineMs: BOOT_DEADLINE_MS, pollMs: 50 })
  const ms = performance.now() - began
  if (check.state !== 'ready') throw new Error(check.reason)
  await hypervisor.destroy(leaseId)
  await hypervisor.undefine(leaseId)
  return { ms, moments: null }
}

/** Milliseconds from the tenant's signature until the chain says Active, and the moments on the way. */
const leased = async (): Promise<{ ms: number; moments: Moments | null }> => {
  const at: Partial<Moments> = { signed: performance.now() }
  const note = (phase: Phase) => {
    at[phase] ??= performance.now()
  }
  const end = node.agent().onVm((vm) => {
    // The record of an earlier guest may still be moving: it is told apart by having been there before the signature.
    if (old.has(vm.leaseId)) return
    note('seen')
    if (vm.phase === 'OpeningManifest') note('manifest')
    if (vm.phase === 'PreparingDisk') note('disk')
    if (vm.phase === 'Booting') note('boot')
    if (vm.facts !== null) note('ready')
    if (vm.phase === 'Activating') note('activate')
  })
  const { leaseId } = await openLease(tenant, {
    node: node.registered.node,
    resources: { vcpus: 1, tier: 1, bandwidth: 3, gpus: 0, memoryMiB: 256, diskGiB: 3 },
    hours: 1,
    manifest: {
      version: 1,
      image: 'tiny',
      hostname: 'bench',
      sshKeys: [SSH_KEY],
      passwordHash: null,
      variables: {},
    },
  })
  note('opened')
  const isActive = async () => (await readLease(tenant, leaseId)).status === 'Active'
  await until(isActive, BOOT_DEADLINE_MS, 'the lease is not active', 25)
  note('active')
  end()
  old.add(leaseId)
  await closeLease(tenant, leaseId)
  const gone = async () => node.agent().vm(leaseId)?.status === 'Deleted'
  await until(gone, BOOT_DEADLINE_MS, 'the guest of a closed lease is not gone')
  return { ms: at.active! - at.signed!, moments: at as Moments }
}
const old = new Set<Hex>()

const share = (differences: readonly number[], at: number) => Math.round(percentile(differences, at))
const taken = await inPairs(
  runs + 1,
  async (nth) => {
    const lease = await leased()
    console.error(
      `${nth === 0 ? 'warming up' : `pair ${nth} of ${runs}`}: a lease ${Math.round(lease.ms)} ms`,
    )
    return lease
  },
  async (nth) => {
    const guest = await bare(nth)
    console.error(`  bare ${Math.round(guest.ms)} ms`)
    return guest
  },
)
// The first pair pays for libvirt's probing of QEMU and for hashing the image, which happen once in a node's life.
const [ours, peer] = [taken.ours.slice(1), taken.peer.slice(1)]
const added = ours.map(({ ms }, nth) => ms - peer[nth]!.ms)
const phases = PHASES.slice(0, -1).map((phase, nth) => {
  const took = ours.map(({ moments }) => moments![PHASES[nth + 1]!] - moments![phase])
  return [`${phase}P50P95Ms`, [share(took, 0.5), share(took, 0.95)]] as const
})
const [oursMs, peerMs] = [ours, peer].map((list) => list.map(({ ms }) => ms)) as [number[], number[]]
report({
  name: 'ready',
  ours: {
    runs,
    medianMs: median(oursMs),
    p95Ms: percentile(oursMs, 0.95),
    addedP50Ms: share(added, 0.5),
    addedP95Ms: share(added, 0.95),
    ...Object.fromEntries(phases),
  },
  peer: { what: 'the same image, virsh start', medianMs: median(peerMs), p95Ms: percentile(peerMs, 0.95) },
  ratio: median(peerMs) / median(oursMs),
  targets: [atMost(`ms that a lease adds, p95 of ${runs} pairs`, LIMIT_MS, share(added, 0.95))],
})
process.exit(0)
