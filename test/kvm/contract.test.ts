import { test } from 'vitest'
import { openLibvirt } from '../../agent/src/hypervisor/libvirt/driver.ts'
import { hypervisorContract } from '../../agent/test/hypervisor/contract.ts'
import { libvirtMissing } from '../../scripts/lib/libvirt-up.ts'
import { reservedAddress, testMachine } from './machine.ts'

const missing = await libvirtMissing()
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

if (missing) {
  console.warn(`SKIPPED: the hypervisor contract on real guests: ${missing}`)
  test.skip(`real guests: ${missing}`, () => {})
} else {
  hypervisorContract(
    'libvirt with QEMU',
    async () => {
      const machine = await testMachine('tiny')
      return {
        open: (instance) => openLibvirt({ uri: 'qemu:///system', instance, acceleration: 'auto' }),
        instance: machine.instance,
        network: machine.network,
        spec: (leaseId) => machine.specOf(leaseId, key),
        reserved: (mac) => reservedAddress(machine.network.name, mac),
        release: machine.tearDown,
      }
    },
    { guests: true, bootMs: 60_000 },
  )
}
