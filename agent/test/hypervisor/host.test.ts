// What the machine has to offer before libvirt is asked: IOMMU groups and UEFI firmware.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { suits, whyNoUefi } from '../../src/hypervisor/libvirt/firmware.ts'
import { type PciDevice, readPciDevices, whyNotPassed } from '../../src/hypervisor/libvirt/iommu.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'decloud-host-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const device = (address: string, kind: string, group: string | null, driver: string | null): PciDevice => ({
  address,
  class: kind,
  group,
  driver,
})

/** A card with its audio function behind a root port, a disk alone, and two functions that only share a slot's group. */
const machine: readonly PciDevice[] = [
  device('0000:00:01.0', '0x060400', '1', 'pcieport'),
  device('0000:01:00.0', '0x030000', '1', 'nouveau'),
  device('0000:01:00.1', '0x040300', '1', 'snd_hda_intel'),
  device('0000:02:00.0', '0x010802', '2', 'nvme'),
  device('0000:03:00.0', '0x030200', '3', null),
  device('0000:03:00.1', '0x010601', '3', 'ahci'),
]

describe('IOMMU groups', () => {
  test.each([
    [['0000:01:00.0', '0000:01:00.1'], null],
    [[], null],
    [['0000:01:00.0'], /shares IOMMU group 1 with 0000:01:00\.1 \(snd_hda_intel\).*all of the group/],
    [['0000:03:00.0'], /0000:03:00\.1 \(ahci\)/],
    [['0000:00:01.0'], /is a bridge/],
    [['0000:09:00.0'], /no PCI device 0000:09:00\.0/],
    [['0000:01:00.0', '0000:01:00.0'], /named twice/],
  ] as const)('%j: %s', (wanted, expected) => {
    const why = whyNotPassed(machine, wanted)
    if (expected === null) expect(why).toBeNull()
    else expect(why).toMatch(expected)
  })

  test('without an IOMMU nothing is passed, and the sentence says what to switch on', () => {
    const bare = machine.map((one) => ({ ...one, group: null }))
    expect(whyNotPassed(bare, ['0000:01:00.0'])).toMatch(/intel_iommu=on or amd_iommu=on/)
  })

  test('the reader lists what sysfs lists, links followed by name only', async () => {
    const root = join(directory, 'bus/pci/devices')
    for (const one of machine) {
      await mkdir(join(root, one.address), { recursive: true })
      await writeFile(join(root, one.address, 'class'), `${one.class}\n`)
      if (one.group !== null)
        await symlink(`../../../../kernel/iommu_groups/${one.group}`, join(root, one.address, 'iommu_group'))
      if (one.driver !== null)
        await symlink(`../../../../bus/pci/drivers/${one.driver}`, join(root, one.address, 'driver'))
    }
    expect(await readPciDevices(directory)).toEqual(machine)
  })

  test('a machine without PCI has no devices, and this one is read without an error', async () => {
    expect(await readPciDevices(join(directory, 'none'))).toEqual([])
    expect(Array.isArray(await readPciDevices())).toBe(true)
  })
})

describe('UEFI firmware', () => {
  const firmware = {
    'interface-types': ['uefi'],
    mapping: { executable: { filename: '/usr/share/OVMF/OVMF_CODE_4M.fd' } },
    targets: [{ architecture: 'x86_64', machines: ['pc-i440fx-*', 'pc-q35-*'] }],
    features: ['acpi-s3'],
  }

  test.each([
    [firmware, 'x86_64', true],
    [firmware, 'aarch64', false],
    [{ ...firmware, targets: [{ architecture: 'aarch64', machines: ['virt-*'] }] }, 'aarch64', true],
    [{ ...firmware, targets: [{ architecture: 'x86_64', machines: ['pc-i440fx-*'] }] }, 'x86_64', false],
    [{ ...firmware, features: ['secure-boot', 'requires-smm'] }, 'x86_64', false],
    [{ ...firmware, 'interface-types': ['bios'] }, 'x86_64', false],
  ] as const)('%#: the description suits or does not', (described, arch, expected) => {
    expect(
      suits({ ...described, features: [...described.features] } as Parameters<typeof suits>[0], arch),
    ).toBe(expected)
  })

  test('without a description that suits, the package is named', async () => {
    await writeFile(join(directory, '10-broken.json'), '{')
    await writeFile(
      join(directory, '20-strict.json'),
      JSON.stringify({ ...firmware, features: ['requires-smm'] }),
    )
    expect(await whyNoUefi('x86_64', [directory, join(directory, 'none')])).toMatch(/install ovmf/)
    expect(await whyNoUefi('aarch64', [])).toMatch(/install qemu-efi-aarch64/)
    await writeFile(join(directory, '60-plain.json'), JSON.stringify(firmware))
    expect(await whyNoUefi('x86_64', [directory])).toBeNull()
  })
})
