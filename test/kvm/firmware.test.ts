// Whole disks boot by firmware: libvirt is to find the one meant, for either architecture, and to leave nothing of it.
import { existsSync } from 'node:fs'
import { arch } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { whyNoUefi } from '../../agent/src/hypervisor/libvirt/firmware.ts'
import { libvirtMissing } from '../../scripts/lib/libvirt-up.ts'
import { domainsNamed, run, testMachine } from './machine.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: guests booted by firmware: ${missing}`)
const emulators = { x86_64: '/usr/bin/qemu-system-x86_64', aarch64: '/usr/bin/qemu-system-aarch64' } as const
const cases = [
  ['x86_64', 'bios'],
  ['x86_64', 'uefi'],
  ['aarch64', 'uefi'],
] as const
/** An ARM machine runs its own; another one translates ARM's guests beside its own. */
const onArm = arch() === 'arm64'

let machine: Awaited<ReturnType<typeof testMachine>> | undefined
beforeAll(async () => {
  if (!missing) machine = await testMachine(onArm ? 'tiny' : 'tiny-arm64')
}, 600_000)
afterAll(() => machine?.tearDown(), 120_000)

test.skipIf(missing).each(cases.filter(([guest]) => !onArm || guest === 'aarch64'))(
  '%s by %s starts, and leaves no variables behind',
  async (guestArch, firmware) => {
    const { hypervisor, instance, specOf } = machine!
    const spec = await specOf(
      '0xf1',
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    )
    const guest = { ...spec, arch: guestArch, boot: { kind: 'firmware', firmware } as const }
    const lacking = firmware === 'uefi' ? await whyNoUefi(guestArch) : null
    if (lacking !== null) {
      await expect(hypervisor.define(guest)).rejects.toMatchObject({ code: 'refused', message: lacking })
      return
    }
    if (!existsSync(emulators[guestArch])) return expect(hypervisor.define(guest)).rejects.toMatchObject({})
    await hypervisor.define(guest)
    await hypervisor.start('0xf1')
    expect(await hypervisor.list()).toMatchObject([{ leaseId: '0xf1', state: 'running' }])
    const [name] = await domainsNamed(instance)
    const { stdout: live } = await run('virsh', ['-c', 'qemu:///system', 'dumpxml', name!])
    const variables = /<nvram[^>]*>([^<]+)<\/nvram>/.exec(live)?.[1]
    expect(live.includes("type='pflash'")).toBe(firmware === 'uefi')
    if (firmware === 'uefi') expect(existsSync(variables!)).toBe(true)
    await hypervisor.destroy('0xf1')
    await hypervisor.undefine('0xf1')
    if (variables !== undefined) expect(existsSync(variables)).toBe(false)
  },
)
