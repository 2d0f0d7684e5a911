import { existsSync } from 'node:fs'
import { test } from 'vitest'
import { hypervisorContract } from './contract.ts'
import { paperSpec } from './spec.ts'

const libraries = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib']
const installed = libraries.some((directory) => existsSync(`${directory}/libvirt-qemu.so.0`))

if (installed) {
  const { openLibvirt } = await import('../../src/hypervisor/libvirt/driver.ts')
  hypervisorContract(
    "libvirt's in-process test driver",
    async () => {
      const open = (instance: string) =>
        openLibvirt({ uri: 'test:///default', instance, acceleration: 'auto' })
      // The test driver forgets everything with its last connection; a daemon would not.
      const anchor = await open('anchor')
      await anchor.list()
      return {
        open,
        instance: 'contract',
        network: { name: 'decloud-test', subnet: '10.198.77.0/24', mode: 'isolated' },
        spec: async (leaseId) => paperSpec(leaseId, 'decloud-test'),
        release: () => anchor.close(),
      }
    },
    { guests: false, bootMs: 0 },
  )
} else {
  console.warn('SKIPPED: the libvirt driver against test:///default: libvirt is not installed')
  test.skip('libvirt is not installed', () => {})
}
