// What a lease adds to the boot of a bare guest, from the signature to Ready, in turn on the same machine.
// `npm run bench -- ready [--pairs N] [--json]`. A ratio of one run: absolute seconds belong to the machine and its load.
import { parseArgs } from 'node:util'
import type { Hex } from 'viem'
import { waitForSystem } from '../../../agent/src/guest/system-check.ts'
import { testMachine } from '../../../test/kvm/machine.ts'
import { ROLES } from '../../../test/world/market.ts'
import { startWorld } from '../../../test/world/world.ts'
import { buildImage } from '../../lib/images.ts'
import { startReaper } from '../../lib/leftovers.ts'
import { libvirtMissing, libvirtUp } from '../../lib/libvirt-up.ts'
import { makeProgress } from '../../lib/progress.ts'
import { closeLease, makeTenant, openLease } from '../../lib/tenant.ts'
import { waitActive } from '../../lib/tenant-view.ts'
import { median } from '../lib.ts'

const BOOT_DEADLINE_MS = 300_000
const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx7 bench'

const { values } = parseArgs({
  options: { pairs: { type: 'string', default: '3' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
})
if (values.help) {
  console.log(
    'usage: npm run bench -- ready [--pairs N] [--json]\nNeeds root and libvirt; one pair takes about a minute.',
  )
  process.exit(0)
}
const missing = await libvirtMissing()
if (missing !== null) {
  console.error(`No real guests here: ${missing}.`)
  process.exit(2)
}

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}

const progress = makeProgress()
const leftovers = await startReaper()
try {
  await libvirtUp(leftovers)
  const imageDir = await buildImage('debian-12')
  const machine = await testMachine('debian-12')
  const world = await startWorld({ hypervisor: 'libvirt', imageDir, leftovers })
  const tenant = await makeTenant({
    rpcUrls: [world.anvil.rpcUrl],
    deployment: world.deployment,
    account: world.anvil.account(ROLES.tenant),
  })

  const bare = async (nth: number): Promise<number> => {
    const leaseId: Hex = `0x${(nth + 1).toString(16).padStart(64, '0')}`
    const spec = await machine.specOf(leaseId, SSH_KEY)
    const { hypervisor } = machine
    await hypervisor.define(spec)
    const took = await seconds(async () => {
      await hypervisor.start(leaseId)
      const check = await waitForSystem(hypervisor, leaseId, spec.network.mac, {
        deadlineMs: BOOT_DEADLINE_MS,
      })
      if (check.state !== 'ready') throw new Error(check.reason)
    })
    await hypervisor.destroy(leaseId)
    await hypervisor.undefine(leaseId)
    return took
  }
  const leased = async (): Promise<number> => {
    let id: Hex = '0x'
    const took = await seconds(async () => {
      const { leaseId } = await openLease(tenant, {
        node: world.nodes[0]!.registered.node,
        resources: { vcpus: 2, tier: 1, bandwidth: 0, gpus: 0, memoryMiB: 1_024, diskGiB: 3 },
        hours: 1,
        manifest: {
          version: 1,
          image: 'debian-12',
          hostname: 'bench',
          sshKeys: [SSH_KEY],
          passwordHash: null,
          variables: {},
        },
      })
      id = leaseId
      await waitActive(tenant, leaseId, { endpoint: null })
    })
    await closeLease(tenant, id)
    return took
  }

  const pairs: { bare: number; leased: number }[] = []
  for (let nth = 0; nth < Math.max(1, Number(values.pairs)); nth++) {
    const a = await progress.step(`pair ${nth + 1}: the bare guest`, () => bare(nth))
    const b = await progress.step(`pair ${nth + 1}: a lease`, () => leased())
    pairs.push({ bare: a, leased: b })
  }
  const figures = {
    bareSeconds: median(pairs.map((pair) => pair.bare)),
    leasedSeconds: median(pairs.map((pair) => pair.leased)),
    addedSeconds: median(pairs.map((pair) => pair.leased - pair.bare)),
    ratio: median(pairs.map((pair) => pair.leased / pair.bare)),
  }
  console.log(
    values.json
      ? JSON.stringify({ pairs, ...figures })
      : Object.entries(figures)
          .map(([name, value]) => `${name.padEnd(14)} ${value.toFixed(2)}`)
          .join('\n'),
  )
  await tenant.close()
  await world.close()
  await machine.tearDown()
} finally {
  await leftovers.reap()
}
process.exit()
