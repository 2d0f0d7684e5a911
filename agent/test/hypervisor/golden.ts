import type { DomainXmlContext } from '../../src/hypervisor/libvirt/domain-xml.ts'
import type { Architecture, BootSpec, DomainSpec } from '../../src/ports/hypervisor.ts'
import { paperSpec } from './spec.ts'

const boots: Readonly<Record<string, BootSpec>> = {
  kernel: paperSpec('0xa1').boot,
  bios: { kind: 'firmware', firmware: 'bios' },
  uefi: { kind: 'firmware', firmware: 'uefi' },
}

const spec = paperSpec('0xa1')
const host = (arch: Architecture, type: 'kvm' | 'qemu'): DomainXmlContext => ({
  instance: 'node1',
  arch,
  type,
})

/** Every way a guest can be run: architecture × boot × acceleration. ARM has no BIOS. */
const matrix = (['x86_64', 'aarch64'] as const).flatMap((arch) =>
  Object.entries(boots)
    .filter(([name]) => arch === 'x86_64' || name !== 'bios')
    .flatMap(([name, boot]) =>
      (['kvm', 'qemu'] as const).map((type): [string, [DomainSpec, DomainXmlContext]] => [
        `${type === 'kvm' ? 'kvm' : 'tcg'}-${arch}-${name}`,
        [{ ...spec, boot }, host(arch, type)],
      ]),
    ),
)

const extras: Readonly<Record<string, [DomainSpec, DomainXmlContext]>> = {
  'kvm-x86_64-limits': [
    {
      ...spec,
      cpu: { shares: 512, periodUs: 100_000, quotaUs: 30_000 },
      bandwidth: { inbound: { average: 1250, peak: 2500, burst: 512 }, outbound: { average: 1250 } },
    },
    host('x86_64', 'kvm'),
  ],
  'tcg-aarch64-limits': [
    { ...spec, cpu: { shares: 1024 }, bandwidth: { inbound: { average: 1250 } } },
    host('aarch64', 'qemu'),
  ],
  'kvm-x86_64-gpu': [{ ...spec, gpus: ['0000:01:00.0', '0000:01:00.1'] }, host('x86_64', 'kvm')],
  'kvm-x86_64-shared': [spec, { ...host('x86_64', 'kvm'), sharedFiles: true }],
  'kvm-x86_64-escaped': [
    {
      ...spec,
      diskPath: `/d/a&b'"<c>.qcow2`,
      boot: { kind: 'kernel', kernel: '/k', initrd: '/i', cmdline: 'a=<&>' },
    },
    host('x86_64', 'kvm'),
  ],
  // The machine runs its own guests on KVM; one of another architecture is translated.
  'foreign-aarch64-on-x86_64': [{ ...spec, arch: 'aarch64' }, host('x86_64', 'kvm')],
}

export const golden: Readonly<Record<string, [DomainSpec, DomainXmlContext]>> = {
  ...Object.fromEntries(matrix),
  ...extras,
}
