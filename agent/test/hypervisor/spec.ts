import type { Hex } from 'viem'
import { macOf } from '../../src/hypervisor/mac.ts'
import type { DomainSpec } from '../../src/ports/hypervisor.ts'

/** A spec whose files need not exist: for drivers that run no guests. */
export function paperSpec(leaseId: Hex, network = 'decloud'): DomainSpec {
  return {
    leaseId,
    generation: 1,
    specHash: '0x01',
    vcpus: 2,
    memoryMiB: 1024,
    diskPath: '/var/lib/decloud/disks/a1.qcow2',
    baseDiskPath: '/var/cache/decloud/images/debian-12/0/disk.qcow2',
    seedPath: '/var/lib/decloud/seeds/a1.iso',
    boot: {
      kind: 'kernel',
      kernel: '/images/vmlinuz',
      initrd: '/images/initrd.img',
      cmdline: 'root=/dev/vda quiet',
    },
    network: { name: network, mac: macOf('paper', leaseId) },
  }
}
