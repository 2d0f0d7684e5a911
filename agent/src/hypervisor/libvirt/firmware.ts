// Whether libvirt will find a UEFI firmware by itself. It reads the same descriptions: QEMU's firmware.json interface.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Architecture } from '../../ports/hypervisor.ts'

const descriptor = z.object({
  'interface-types': z.array(z.string()),
  mapping: z.object({ executable: z.object({ filename: z.string() }).optional() }),
  targets: z.array(z.object({ architecture: z.string(), machines: z.array(z.string()) })),
  features: z.array(z.string()),
})
type FirmwareDescriptor = z.output<typeof descriptor>

const machines: Readonly<Record<Architecture, RegExp>> = {
  x86_64: /^(pc-)?q35(-|$)/,
  aarch64: /^virt(-|$)/,
}
const packages: Readonly<Record<Architecture, string>> = { x86_64: 'ovmf', aarch64: 'qemu-efi-aarch64' }

/** Where distributions and administrators put them, as QEMU's documentation names them. */
const FOLDERS: readonly string[] = ['/usr/share/qemu/firmware', '/etc/qemu/firmware']

/** Pure. Firmware that insists on Secure Boot or SMM is of no use to a guest that was not made for it. */
export function suits(firmware: FirmwareDescriptor, arch: Architecture): boolean {
  const strict = ['secure-boot', 'requires-smm'].some((feature) => firmware.features.includes(feature))
  const target = firmware.targets.some(
    ({ architecture, machines: names }) =>
      architecture === arch && names.some((name) => machines[arch].test(name)),
  )
  return !strict && target && firmware['interface-types'].includes('uefi')
}

/** @returns null when a UEFI guest of `arch` can be started here, else what to install, as one sentence. */
export async function whyNoUefi(
  arch: Architecture,
  folders: readonly string[] = FOLDERS,
): Promise<string | null> {
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => [])
    for (const name of names.filter((file) => file.endsWith('.json'))) {
      const text = await readFile(join(folder, name), 'utf8').catch(() => '')
      const parsed = descriptor.safeParse(jsonOf(text))
      if (parsed.success && suits(parsed.data, arch)) return null
    }
  }
  return `This machine has no UEFI firmware for ${arch} guests: install ${packages[arch]} (apt-get install ${packages[arch]}).`
}

/** A description that is no JSON is one that libvirt skips as well. */
const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
