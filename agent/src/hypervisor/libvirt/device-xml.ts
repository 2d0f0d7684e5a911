// The devices of a domain: what a guest sees on its buses.
import {
  type Architecture,
  type BandwidthLimits,
  type BandwidthShape,
  type DomainSpec,
  HypervisorError,
} from '../../ports/hypervisor.ts'
import { parsePciAddress } from './iommu.ts'
import { escapeXml, wholeNumber } from './xml.ts'

const keepOwner = `<seclabel model='dac' relabel='no'/>`

/** The base keeps its owner: libvirt would else give it to the user that QEMU runs as, and with it every guest's root. */
function disksXml(spec: DomainSpec, shared: boolean): string {
  const source = (path: string) =>
    shared ? `<source file='${escapeXml(path)}'>${keepOwner}</source>` : `<source file='${escapeXml(path)}'/>`
  return `<disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' discard='unmap'/>
      ${source(spec.diskPath)}
      <backingStore type='file'>
        <format type='qcow2'/>
        <source file='${escapeXml(spec.baseDiskPath)}'>
          ${keepOwner}
        </source>
        <backingStore/>
      </backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      ${source(spec.seedPath)}
      <target dev='vdb' bus='virtio'/>
      <readonly/>
    </disk>`
}

function directionXml(name: 'inbound' | 'outbound', shape: BandwidthShape | undefined): string {
  if (shape === undefined) return ''
  const parts = (['average', 'peak', 'burst'] as const).flatMap((key) =>
    shape[key] === undefined ? [] : [`${key}='${wholeNumber(`bandwidth ${name} ${key}`, shape[key])}'`],
  )
  return `<${name} ${parts.join(' ')}/>`
}

function bandwidthXml(limits: BandwidthLimits | undefined): string {
  const text = directionXml('inbound', limits?.inbound) + directionXml('outbound', limits?.outbound)
  return text === '' ? '' : `\n      <bandwidth>${text}</bandwidth>`
}

/** An isolated port: the bridge passes nothing between guests, who are strangers to one another, but to and from the host. */
function interfaceXml({ network, bandwidth }: DomainSpec): string {
  return `<interface type='network'>
      <mac address='${escapeXml(network.mac)}'/>
      <source network='${escapeXml(network.name)}'/>
      <model type='virtio'/>${bandwidthXml(bandwidth)}
      <port isolated='yes'/>
    </interface>`
}

/** `managed`: libvirt takes the device from its host driver at start and gives it back when the guest is off. */
function hostdevXml(address: string): string {
  const pci = parsePciAddress(address)
  if (pci === null) {
    throw new HypervisorError(
      'invalid',
      `${JSON.stringify(address)} is not the address of a PCI device, such as 0000:01:00.0`,
    )
  }
  const { domain, bus, slot, function: fn } = pci
  return `<hostdev mode='subsystem' type='pci' managed='yes'>
      <driver name='vfio'/>
      <source>
        <address domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/>
      </source>
    </hostdev>`
}

/** A PC's firmware and boot loader write to the first serial port; ARM's virt machine has a PL011 in its place. */
const serials: Readonly<Record<Architecture, string>> = {
  x86_64: `<serial type='pty'><target type='isa-serial' port='0'/></serial>`,
  aarch64: `<serial type='pty'><target type='system-serial' port='0'/></serial>`,
}

/** No graphics element: the screen is the guest's own, and nothing of it listens anywhere on the host. */
export function devicesXml(spec: DomainSpec, arch: Architecture, sharedFiles: boolean): string {
  const devices = [
    disksXml(spec, sharedFiles),
    `<controller type='usb' model='none'/>`,
    interfaceXml(spec),
    serials[arch],
    `<console type='pty'><target type='serial' port='0'/></console>`,
    `<channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>`,
    `<video><model type='virtio' heads='1' primary='yes'/></video>`,
    ...(spec.gpus ?? []).map(hostdevXml),
    `<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>`,
    `<memballoon model='none'/>`,
  ]
  return `<devices>\n    ${devices.join('\n    ')}\n  </devices>`
}
