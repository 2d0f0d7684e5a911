// Display controllers: what the kernel shows of them, and their names where lspci knows them.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sentenceOf } from '@decloud/protocol'
import type { GpuFacts, Known } from '@decloud/protocol/wire/facts'
import { type PciDevice, readPciDevices } from '../hypervisor/libvirt/iommu.ts'
import { mapKnown, unknown, value } from './known.ts'
import type { AskTool } from './tool.ts'

const LSPCI_ARGS = ['-D', '-mm', '-nn'] as const

type Named = { readonly vendor: string; readonly model: string }

/** Class 03: VGA, 3D and other display controllers. */
const isDisplay = ({ class: code }: PciDevice): boolean => /^0x03[0-9a-f]{4}$/.test(code)

/** `lspci -D -mm -nn` → names by PCI address. Pure; lines that are none of its own are left out. */
export const namesOf = (printed: string): ReadonlyMap<string, Named> => {
  const line = /^([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) "[^"]*" "([^"]*)" "([^"]*)"/
  const named = printed.split('\n').flatMap((text) => {
    const [, address, vendor, model] = line.exec(text) ?? []
    if (address === undefined || vendor === undefined || model === undefined) return []
    return [[address, { vendor: withoutId(vendor), model: withoutId(model) }] as const]
  })
  return new Map(named)
}

/** "NVIDIA Corporation [10de]" → "NVIDIA Corporation"; an unknown one is printed as "Device [2204]". */
const withoutId = (text: string): string =>
  text
    .replace(/\s*\[[0-9a-f]{4}\]$/, '')
    .slice(0, 200)
    .trim()

const nameOf = (names: Known<ReadonlyMap<string, Named>>, address: string, which: keyof Named) =>
  mapKnown(names, (all): Known<string> => {
    const name = all.get(address)?.[which]
    if (name === undefined) return unknown('lspci does not list it.')
    return name === '' || name === 'Device' || name === 'Vendor'
      ? unknown('lspci has no name for it.')
      : value(name)
  })

/** @param root for tests: where /sys is looked for. */
export const readGpus = async (ask: AskTool, root = '/'): Promise<Known<GpuFacts[]>> => {
  let devices: readonly PciDevice[]
  try {
    devices = await readPciDevices(join(root, 'sys'))
  } catch (error) {
    return unknown(`The kernel's list of PCI devices cannot be read: ${sentenceOf(error)}`)
  }
  const found = devices.filter(isDisplay)
  if (found.length === 0) return value([])
  const names = mapKnown(await ask('lspci', LSPCI_ARGS), (text) => value(namesOf(text)))
  const gpus = found.slice(0, 32).map(
    async ({ address, group, driver }): Promise<GpuFacts> => ({
      address,
      vendor: nameOf(names, address, 'vendor'),
      model: nameOf(names, address, 'model'),
      ids: await idsOf(join(root, 'sys/bus/pci/devices', address)),
      iommuGroup: group === null ? unknown('The IOMMU is off, or there is none.') : value(group),
      driver: driver === null ? unknown('No driver of the host holds it.') : value(driver),
    }),
  )
  return value(await Promise.all(gpus))
}

const idsOf = async (folder: string): Promise<Known<string>> => {
  const read = async (name: string) => (await readFile(join(folder, name), 'utf8')).trim().replace(/^0x/, '')
  try {
    const ids = `${await read('vendor')}:${await read('device')}`
    return /^[0-9a-f]{4}:[0-9a-f]{4}$/.test(ids) ? value(ids) : unknown('The kernel gives it no PCI ids.')
  } catch (error) {
    return unknown(`Its PCI ids cannot be read: ${sentenceOf(error)}`)
  }
}
