// The services of a real guest, looked at through its agent alone: a page, a port, a command, and those that never come.
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Key, makeKey, runInGuest } from '../../scripts/lib/guest-shell.ts'
import { buildImage } from '../../scripts/lib/images.ts'
import { type Leftovers, startReaper } from '../../scripts/lib/leftovers.ts'
import { libvirtMissing, libvirtUp } from '../../scripts/lib/libvirt-up.ts'
import { makeTenant, openLease, readLease, type Tenant } from '../../scripts/lib/tenant.ts'
import { reportOf, waitActive } from '../../scripts/lib/tenant-view.ts'
import { until } from '../../scripts/lib/until.ts'
import { ROLES } from '../world/market.ts'
import { startWorld, type World } from '../world/world.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: services of real guests: ${missing}`)

const SOON = 2
let leftovers: Leftovers
let world: World
let tenant: Tenant
let key: Key

beforeAll(async () => {
  if (missing) return
  leftovers = await startReaper()
  const imageDir = await buildImage('tiny', { leftovers })
  await libvirtUp(leftovers)
  world = await startWorld({ hypervisor: 'libvirt', imageDir, leftovers })
  const account = world.anvil.account(ROLES.tenant)
  tenant = await makeTenant({ rpcUrls: [world.anvil.rpcUrl], deployment: world.deployment, account })
  key = await makeKey(world.directory)
}, 600_000)

afterAll(async () => {
  if (missing) return
  await tenant?.close()
  await world?.close()
  await leftovers?.reap()
}, 120_000)

const endpoint = () => world.nodes[0]!.agent().url

const statesOf = async (leaseId: Hex): Promise<Record<string, string>> => {
  const report = await reportOf(endpoint(), leaseId)
  return Object.fromEntries((report?.readiness ?? []).map(({ name, state }) => [name, state]))
}

const become = (leaseId: Hex, wanted: Record<string, string>) =>
  until(
    async () => {
      const states = await statesOf(leaseId)
      return Object.entries(wanted).every(([name, state]) => states[name] === state)
    },
    120_000,
    `the services are not ${JSON.stringify(wanted)}`,
    500,
  )

test.skipIf(missing)(
  'a page, a port and a command become Ready; what does not answer in time is shown TimedOut, and billed',
  { timeout: 400_000 },
  async () => {
    const { leaseId } = await openLease(tenant, {
      node: world.nodes[0]!.registered.node,
      resources: { vcpus: 1, tier: 1, bandwidth: 3, gpus: 0, memoryMiB: 256, diskGiB: 1 },
      hours: 1,
      manifest: {
        version: 1,
        image: 'tiny',
        hostname: 'services',
        sshKeys: [key.publicKey],
        passwordHash: null,
        variables: {},
        services: [
          { name: 'ssh', port: 22, protocol: 'tcp' },
          { name: 'web', port: 8080, protocol: 'http' },
          {
            name: 'job',
            port: 9001,
            protocol: 'tcp',
            check: { kind: 'ExecCommand', command: ['/bin/busybox', 'test', '-e', '/home/decloud/done'] },
          },
          // There is a server, and no such page: nothing but a 2xx counts.
          {
            name: 'no-page',
            port: 8080,
            protocol: 'http',
            check: { kind: 'HttpGet', path: '/nothing', timeoutSeconds: SOON },
          },
          { name: 'no-port', port: 9, protocol: 'tcp', check: { kind: 'TcpPort', timeoutSeconds: SOON } },
        ],
      },
    })
    await waitActive(tenant, leaseId, { endpoint: endpoint() })
    expect((await statesOf(leaseId))['System']).toBe('Ready')
    expect((await statesOf(leaseId))['web'], 'nothing listens there yet').not.toBe('Ready')
    const report = await reportOf(endpoint(), leaseId)
    await runInGuest(
      world.directory,
      key,
      report!.ssh!,
      'mkdir -p ~/www && echo hello > ~/www/index.html && busybox httpd -p 8080 -h ~/www && touch ~/done',
    )
    await become(leaseId, {
      ssh: 'Ready',
      web: 'Ready',
      job: 'Ready',
      'no-page': 'TimedOut',
      'no-port': 'TimedOut',
    })
    const told = (await reportOf(endpoint(), leaseId))?.readiness.find(({ name }) => name === 'no-page')
    expect(told?.message, 'what was seen last').toMatch(/404/)
    const lease = await readLease(tenant, leaseId)
    expect(lease.status).toBe('Active')
    expect(lease.startedAt).toBeGreaterThan(0)
  },
)
