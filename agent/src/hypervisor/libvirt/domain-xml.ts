import type { Architecture, BootSpec, CpuLimits, DomainSpec } from '../../ports/hypervisor.ts'
import { domainName } from '../names.ts'
import { metadataXml } from './metadata.ts'
import { escapeXml } from './xml.ts'

export interface DomainXmlContext {
  readonly instance: string
  readonly arch: Architecture
  /** libvirt's name for the way guests run; `test` is the in-process driver behind test:///default. */
  readonly type: 'kvm' | 'qemu' | 'test'
}

const machines: Readonly<Record<Architecture, string>> = { x86_64: 'q35', aarch64: 'virt' }

// QEMU translates every instruction: a plain model boots faster than one with all extensions, and on ARM
// `max` spends seconds on emulated pointer authentication.
const emulatedCpus: Readonly<Record<Architecture, string>> = { x86_64: 'qemu64', aarch64: 'cortex-a72' }

// 128 MiB of translated code halves QEMU's memory against the default, at the same speed.
const tcgCache = `<tcg><tb-cache unit='MiB'>128</tb-cache></tcg>`

function osXml(boot: BootSpec, context: DomainXmlContext): string {
  if (context.type === 'test') return '<os><type>hvm</type></os>'
  const type = `<type arch='${context.arch}' machine='${machines[context.arch]}'>hvm</type>`
  if (boot.kind === 'kernel') {
    return `<os>
    ${type}
    <kernel>${escapeXml(boot.kernel)}</kernel>
    <initrd>${escapeXml(boot.initrd)}</initrd>
    <cmdline>${escapeXml(boot.cmdline)}</cmdline>
  </os>`
  }
  const firmware = boot.firmware === 'uefi' ? ` firmware='efi'` : ''
  return `<os${firmware}>
    ${type}
    <boot dev='hd'/>
  </os>`
}

function featuresXml(boot: BootSpec, { arch, type }: DomainXmlContext): string {
  // Without UEFI an ARM guest is described by a device tree, and libvirt refuses <acpi/>.
  const uefi = boot.kind === 'firmware' && boot.firmware === 'uefi'
  const acpi = arch === 'x86_64' ? '<acpi/><apic/>' : uefi ? '<acpi/>' : ''
  return `<features>${acpi}${type === 'qemu' ? tcgCache : ''}</features>`
}

function cpuXml({ arch, type }: DomainXmlContext): string {
  if (type === 'kvm') return `<cpu mode='host-passthrough' check='none'/>`
  return `<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>${emulatedCpus[arch]}</model></cpu>`
}

/** `global_` limits hold for the guest as a whole; libvirt's plain quota is for each vCPU by itself. */
function cputuneXml(cpu: CpuLimits | undefined): string {
  const parts = [
    cpu?.shares === undefined ? '' : `<shares>${cpu.shares}</shares>`,
    cpu?.periodUs === undefined ? '' : `<global_period>${cpu.periodUs}</global_period>`,
    cpu?.quotaUs === undefined ? '' : `<global_quota>${cpu.quotaUs}</global_quota>`,
  ].join('')
  return parts === '' ? '' : `\n  <cputune>${parts}</cputune>`
}

/** The base keeps its owner: libvirt would else give it to the user that QEMU runs as, and with it every guest's root. */
function disksXml(spec: DomainSpec): string {
  return `<disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/>
      <source file='${escapeXml(spec.diskPath)}'/>
      <backingStore type='file'>
        <format type='qcow2'/>
        <source file='${escapeXml(spec.baseDiskPath)}'>
          <seclabel model='dac' relabel='no'/>
        </source>
        <backingStore/>
      </backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='${escapeXml(spec.seedPath)}'/>
      <target dev='vdb' bus='virtio'/>
      <readonly/>
    </disk>`
}

/** Pure: the same spec gives the same text. Throws HypervisorError `invalid` for what XML cannot carry. */
export function domainXml(spec: DomainSpec, context: DomainXmlContext): string {
  return `<domain type='${context.type}'>
  <name>${escapeXml(domainName(context.instance, spec.leaseId))}</name>
  <metadata>
    ${metadataXml(context.instance, spec)}
  </metadata>
  <memory unit='MiB'>${spec.memoryMiB}</memory>
  <vcpu placement='static'>${spec.vcpus}</vcpu>${cputuneXml(spec.cpu)}
  ${osXml(spec.boot, context)}
  ${featuresXml(spec.boot, context)}
  ${cpuXml(context)}
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    ${disksXml(spec)}
    <controller type='usb' model='none'/>
    <interface type='network'>
      <mac address='${escapeXml(spec.network.mac)}'/>
      <source network='${escapeXml(spec.network.name)}'/>
      <model type='virtio'/>
    </interface>
    <serial type='pty'><target port='0'/></serial>
    <console type='pty'><target type='serial' port='0'/></console>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <memballoon model='none'/>
  </devices>
</domain>
`
}
