// Which PCI devices a guest may be given: the IOMMU isolates groups of devices, never one alone.
import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'

export interface PciDevice {
  /** domain:bus:slot.function, for example 0000:01:00.0 */
  readonly address: string
  /** As sysfs prints it, for example 0x030000 of a display controller. */
  readonly class: string
  /** null: the IOMMU is off, or there is none. */
  readonly group: string | null
  /** The host's driver that holds it now. */
  readonly driver: string | null
}

/** Hexadecimal digits without 0x. */
export function parsePciAddress(address: string) {
  const match = /^([0-9a-f]{4}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/.exec(address)
  if (match === null) return null
  const [, domain = '', bus = '', slot = '', fn = ''] = match
  return { domain, bus, slot, function: fn }
}

/** Class 06 is bridges of every kind; they carry the group's traffic and cannot be passed to a guest. */
const isBridge = (device: PciDevice): boolean => /^0x06[0-9a-f]{4}$/.test(device.class)

/**
 * Pure. A device that shares its group with one that the host keeps could reach that one's memory, and the kernel would
 * refuse it at start; here the refusal comes before anything is done, and says what to do.
 * @returns null when all of `wanted` may be passed to one guest, else why not, as one sentence.
 */
export function whyNotPassed(devices: readonly PciDevice[], wanted: readonly string[]): string | null {
  const byAddress = new Map(devices.map((device) => [device.address, device]))
  const passed = new Set(wanted)
  if (passed.size !== wanted.length) return `A device is named twice in ${wanted.join(', ')}.`
  for (const address of wanted) {
    const device = byAddress.get(address)
    if (device === undefined) return `There is no PCI device ${address} on this machine.`
    if (isBridge(device)) return `The PCI device ${address} is a bridge, which cannot be passed to a guest.`
    if (device.group === null) {
      return `The PCI device ${address} is in no IOMMU group: switch the IOMMU on in the firmware and on the kernel's command line (intel_iommu=on or amd_iommu=on).`
    }
    const kept = devices.filter(
      (other) => other.group === device.group && !passed.has(other.address) && !isBridge(other),
    )
    if (kept.length > 0) {
      const names = kept.map((other) => `${other.address} (${other.driver ?? 'no driver'})`).join(', ')
      return `The PCI device ${address} shares IOMMU group ${device.group} with ${names}, which would stay with the host: pass all of the group, or none.`
    }
  }
  return null
}

/** @param sysfs for tests; every device of the machine otherwise. */
export async function readPciDevices(sysfs = '/sys'): Promise<readonly PciDevice[]> {
  const root = join(sysfs, 'bus/pci/devices')
  const addresses = await readdir(root).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [] // a machine without PCI
    throw cause
  })
  return Promise.all(
    addresses.sort().map(async (address) => ({
      address,
      class: (await readFile(join(root, address, 'class'), 'utf8')).trim(),
      group: await targetOf(join(root, address, 'iommu_group')),
      driver: await targetOf(join(root, address, 'driver')),
    })),
  )
}

const targetOf = async (link: string): Promise<string | null> =>
  readlink(link).then(basename, (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw cause
  })
