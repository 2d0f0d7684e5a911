// An ARM guest on a machine that is none: translated instruction by instruction, through the agent's own driver.
import { existsSync } from 'node:fs'
import { arch } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { waitForSystem } from '../../agent/src/guest/system-check.ts'
import { openLibvirt } from '../../agent/src/hypervisor/libvirt/driver.ts'
import { libvirtMissing } from '../../scripts/lib/libvirt-up.ts'
import { domainsNamed, run, testMachine } from './machine.ts'

const missing =
  arch() === 'arm64'
    ? 'on an ARM machine every other test runs ARM guests'
    : existsSync('/usr/bin/qemu-system-aarch64')
      ? await libvirtMissing()
      : 'qemu-system-aarch64 is not installed'
if (missing) console.warn(`SKIPPED: the emulated ARM guest: ${missing}`)

const leaseId = '0xa64'
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
let machine: Awaited<ReturnType<typeof testMachine>> | undefined

beforeAll(async () => {
  if (!missing) machine = await testMachine('tiny-arm64')
}, 600_000)
afterAll(() => machine?.tearDown(), 120_000)

test.skipIf(missing)('an aarch64 guest boots to System Ready under emulation and powers off', async () => {
  const { hypervisor, network, specOf, instance } = machine!
  const spec = await specOf(leaseId, key)
  expect(spec).toMatchObject({ arch: 'aarch64', boot: { kind: 'kernel' } })
  await hypervisor.define(spec)
  const stopped = Promise.withResolvers<string>()
  hypervisor.subscribe((event) => event.kind === 'stopped' && stopped.resolve(event.cause))

  const started = performance.now()
  await hypervisor.start(leaseId)
  const check = await waitForSystem(hypervisor, leaseId, spec.network.mac, { deadlineMs: 180_000 })
  console.info(`tiny-arm64 Ready after ${((performance.now() - started) / 1000).toFixed(1)} s, translated`)
  if (check.state !== 'ready') expect.fail(check.reason)
  expect(check.facts.ipv4.split('.').slice(0, 3)).toEqual(network.subnet.split('.').slice(0, 3))
  expect((await hypervisor.exec(leaseId, ['/bin/uname', '-m'])).stdout.trim()).toBe('aarch64')
  const [name] = await domainsNamed(instance)
  const { stdout: live } = await run('virsh', ['-c', 'qemu:///system', 'dumpxml', name!])
  expect(live).toContain('<emulator>/usr/bin/qemu-system-aarch64</emulator>')

  await hypervisor.shutdown(leaseId)
  expect(await stopped.promise).toBe('shutdown')
  await hypervisor.undefine(leaseId)
})

test.skipIf(missing)(
  'a node that emulates nothing refuses the same guest, before libvirt is asked',
  async () => {
    const { specOf, instance } = machine!
    const strict = await openLibvirt({ uri: 'qemu:///system', instance, acceleration: 'auto' })
    try {
      const spec = await specOf('0xa65', key)
      const refusal = {
        code: 'invalid',
        message: expect.stringMatching(/for aarch64; this machine is x86_64/),
      }
      await expect(strict.define(spec)).rejects.toMatchObject(refusal)
      expect(await strict.list()).toEqual([])
    } finally {
      await strict.close()
    }
  },
)
