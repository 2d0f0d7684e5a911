import {
  type Architecture,
  type BootSpec,
  type CpuLimits,
  type DomainSpec,
  HypervisorError,
} from '../../ports/hypervisor.ts'
import { domainName } from '../names.ts'
import { devicesXml } from './device-xml.ts'
import { metadataXml } from './metadata.ts'
import { escapeXml, wholeNumber } from './xml.ts'

export interface DomainXmlContext {
  readonly instance: string
  /** Of the machine; a guest of another one is emulated. */
  readonly arch: Architecture
  /** libvirt's name for the way guests run; `test` is the in-process driver behind test:///default. */
  readonly type: 'kvm' | 'qemu' | 'test'
  /** Disk and seed keep their owner: QEMU opens them as a member of their group. Else libvirt gives them to it. */
  readonly sharedFiles?: boolean
}

interface Guest {
  readonly arch: Architecture
  readonly type: DomainXmlContext['type']
  readonly boot: BootSpec
}

const machines: Readonly<Record<Architecture, string>> = { x86_64: 'q35', aarch64: 'virt' }

// QEMU translates every instruction: a plain model boots faster than one with all extensions, and on ARM
// `max` spends seconds on emulated pointer authentication.
const emulatedCpus: Readonly<Record<Architecture, string>> = { x86_64: 'qemu64', aarch64: 'cortex-a72' }

// 128 MiB of translated code halves QEMU's memory against the default, at the same speed.
const tcgCache = `<tcg><tb-cache unit='MiB'>128</tb-cache></tcg>`

// Vendors' keys are not enrolled in what tenants boot: without this, libvirt's first choice may refuse their kernels.
const plainFirmware = `<firmware><feature enabled='no' name='secure-boot'/></firmware>`

function osXml({ arch, type, boot }: Guest): string {
  if (type === 'test') return '<os><type>hvm</type></os>'
  const machine = `<type arch='${arch}' machine='${machines[arch]}'>hvm</type>`
  if (boot.kind === 'kernel') {
    return `<os>
    ${machine}
    <kernel>${escapeXml(boot.kernel)}</kernel>
    <initrd>${escapeXml(boot.initrd)}</initrd>
    <cmdline>${escapeXml(boot.cmdline)}</cmdline>
  </os>`
  }
  const uefi = boot.firmware === 'uefi'
  return `<os${uefi ? ` firmware='efi'` : ''}>
    ${machine}${uefi ? `\n    ${plainFirmware}` : ''}
    <boot dev='hd'/>
  </os>`
}

const bootsByUefi = ({ boot }: Guest) => boot.kind === 'firmware' && boot.firmware === 'uefi'

function featuresXml(guest: Guest): string {
  const emulated = guest.type === 'qemu'
  const parts =
    guest.arch === 'x86_64'
      ? ['<acpi/><apic/>']
      : // Without UEFI an ARM guest is described by a device tree, and libvirt refuses <acpi/>. Under KVM the
        // interrupt controller is the host's own; only an emulated one can be chosen.
        [bootsByUefi(guest) ? '<acpi/>' : '', emulated ? `<gic version='3'/>` : '']
  return `<features>${parts.join('')}${emulated ? tcgCache : ''}</features>`
}

function cpuXml({ arch, type }: Guest): string {
  if (type === 'kvm') return `<cpu mode='host-passthrough' check='none'/>`
  return `<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>${emulatedCpus[arch]}</model></cpu>`
}

/** `global_` limits hold for the guest as a whole; libvirt's plain quota is for each vCPU by itself. */
function cputuneXml(cpu: CpuLimits | undefined): string {
  const element = (name: string, value: number | undefined) =>
    value === undefined ? '' : `<${name}>${wholeNumber(name, value)}</${name}>`
  const text = [
    element('shares', cpu?.shares),
    element('global_period', cpu?.periodUs),
    element('global_quota', cpu?.quotaUs),
  ].join('')
  return text === '' ? '' : `\n  <cputune>${text}</cputune>`
}

function guestOf(spec: DomainSpec, context: DomainXmlContext): Guest {
  const arch = spec.arch ?? context.arch
  const foreign = arch !== context.arch
  if (arch === 'aarch64' && spec.boot.kind === 'firmware' && spec.boot.firmware === 'bios') {
    throw new HypervisorError('invalid', 'An ARM guest has no BIOS: it boots by UEFI, or from a kernel.')
  }
  if (spec.gpus?.length && (context.type !== 'kvm' || foreign)) {
    throw new HypervisorError(
      'invalid',
      'A device can only be passed to a guest under KVM: an emulated guest cannot use it.',
    )
  }
  return { arch, type: foreign && context.type === 'kvm' ? 'qemu' : context.type, boot: spec.boot }
}

/** Pure: the same spec gives the same text. Throws HypervisorError `invalid` for what no domain can be. */
export function domainXml(spec: DomainSpec, context: DomainXmlContext): string {
  const guest = guestOf(spec, context)
  return `<domain type='${guest.type}'>
  <name>${escapeXml(domainName(context.instance, spec.leaseId))}</name>
  <metadata>
    ${metadataXml(context.instance, spec)}
  </metadata>
  <memory unit='MiB'>${wholeNumber('memoryMiB', spec.memoryMiB)}</memory>
  <vcpu placement='static'>${wholeNumber('vcpus', spec.vcpus)}</vcpu>${cputuneXml(spec.cpu)}
  ${osXml(guest)}
  ${featuresXml(guest)}
  ${cpuXml(guest)}
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  ${devicesXml(spec, guest.arch, context.sharedFiles ?? false)}
</domain>
`
}
