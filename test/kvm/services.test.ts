// The services of a real guest, looked at through its agent alone: a page, a port, a command, and those that never come.
import type { Hex } from 'viem'
import { expect, test } from 'vitest'
import { runInGuest } from '../../scripts/lib/guest-shell.ts'
import { openLease, readLease } from '../../scripts/lib/tenant.ts'
import { reportOf, waitActive } from '../../scripts/lib/tenant-view.ts'
import { until } from '../../scripts/lib/until.ts'
import { useRealWorld } from './real-world.ts'

const SOON = 2
const { missing, real } = await useRealWorld('the services of real guests')

const statesOf = async (leaseId: Hex): Promise<Record<string, string>> => {
  const report = await reportOf(real().tenant, real().endpoint, leaseId)
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
    const { world, tenant, key, endpoint } = real()
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
    await waitActive(tenant, leaseId, { endpoint })
    expect((await statesOf(leaseId))['System']).toBe('Ready')
    expect((await statesOf(leaseId))['web'], 'nothing listens there yet').not.toBe('Ready')
    const report = await reportOf(real().tenant, real().endpoint, leaseId)
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
    const told = (await reportOf(real().tenant, real().endpoint, leaseId))?.readiness.find(
      ({ name }) => name === 'no-page',
    )
    expect(told?.message, 'what was seen last').toMatch(/404/)
    const lease = await readLease(tenant, leaseId)
    expect(lease.status).toBe('Active')
    expect(lease.startedAt).toBeGreaterThan(0)
  },
)
