import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { waitForSystem } from '../../agent/src/guest/system-check.ts'
import { libvirtMissing } from '../../scripts/lib/libvirt-up.ts'
import { bridgeAndTaps, domainsNamed, hostInterfaces, run, testMachine } from './machine.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: the real-guest test: ${missing}`)

const leaseId = '0xc0ffee'
let machine: Awaited<ReturnType<typeof testMachine>> | undefined

beforeAll(async () => {
  if (missing) return
  machine = await testMachine('debian-12')
}, 600_000)
afterAll(() => machine?.tearDown(), 120_000)

test.skipIf(missing)(
  'a Debian guest boots, is Ready, takes SSH with its host key pinned, powers off, and leaves nothing behind',
  { timeout: 400_000 },
  async () => {
    const { hypervisor, instance, network, disks, seeds, directory, specOf } = machine!
    const key = join(directory, 'id')
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'tenant', '-f', key])
    const { stdout: publicKey } = await run('cat', [`${key}.pub`])
    const spec = await specOf(leaseId, publicKey)
    await hypervisor.define(spec)
    const stopped = Promise.withResolvers<string>()
    hypervisor.subscribe((event) => event.kind === 'stopped' && stopped.resolve(event.cause))

    const started = performance.now()
    await hypervisor.start(leaseId)
    const check = await waitForSystem(hypervisor, leaseId, spec.network.mac, { deadlineMs: 240_000 })
    console.info(
      `debian-12 Ready after ${((performance.now() - started) / 1000).toFixed(1)} s (${hypervisor.capabilities.acceleration})`,
    )
    if (check.state !== 'ready') expect.fail(check.reason)
    const { ipv4, sshHostKey, bootId } = check.facts
    expect(ipv4.split('.').slice(0, 3)).toEqual(network.subnet.split('.').slice(0, 3))

    // The tenant's own client: the host key that the check reported is the only one accepted.
    const known = join(directory, 'known_hosts')
    await writeFile(known, `${ipv4} ${sshHostKey}\n`)
    const ssh = [
      '-i',
      key,
      '-o',
      `UserKnownHostsFile=${known}`,
      '-o',
      'StrictHostKeyChecking=yes',
      '-o',
      'BatchMode=yes',
    ]
    const login = [...ssh, '-o', 'ConnectTimeout=30', `decloud@${ipv4}`]
    const script = `sudo sh -c '. /etc/decloud/env; hostname; echo "$GREETING"; cat /proc/sys/kernel/random/boot_id'`
    const said = await run('ssh', [...login, script])
    expect(said.stdout.trim().split('\n')).toEqual(['guest', "it's on", bootId])
    const size = await run('ssh', [...login, 'df --output=size -BM / | tail -1'])
    expect(Number.parseInt(size.stdout, 10)).toBeGreaterThan(2700)

    const links = await bridgeAndTaps(network.name)
    expect(links).toHaveLength(2)
    await hypervisor.shutdown(leaseId)
    expect(await stopped.promise).toBe('shutdown')
    expect(await hypervisor.list()).toMatchObject([{ leaseId, state: 'stopped' }])
    await hypervisor.undefine(leaseId)
    await disks.quarantine(leaseId, 1_800_000_000)
    await seeds.remove(leaseId)
    await hypervisor.removeNetwork(network.name)
    expect(await disks.list()).toMatchObject([{ leaseId, quarantinedAt: 1_800_000_000 }])
    expect(await domainsNamed(instance)).toEqual([])
    const left = await hostInterfaces()
    expect(left.filter((name) => links.includes(name))).toEqual([])
  },
)
