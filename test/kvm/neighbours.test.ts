// Guests of different tenants share a bridge: what one can do to the other there.
import type { Hex } from 'viem'
import { expect, test } from 'vitest'
import { makeAnchors } from '../../agent/src/bridge/anchors.ts'
import { makeTools } from '../../agent/src/qos/tools.ts'
import { libvirtMissing } from '../../scripts/lib/libvirt-up.ts'
import { until } from '../../scripts/lib/until.ts'
import { testMachine } from './machine.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: neighbours on one bridge: ${missing}`)

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const ONE: Hex = '0xa1'
const OTHER: Hex = '0xa2'
const BOOT_MS = 90_000

test.skipIf(missing)('guests reach the host, never one another, never as one another', async () => {
  const machine = await testMachine('tiny')
  const { hypervisor } = machine
  try {
    const addressOf = new Map<Hex, { ip: string; mac: string }>()
    for (const lease of [ONE, OTHER]) {
      await hypervisor.define(await machine.specOf(lease, KEY))
      await hypervisor.start(lease)
    }
    for (const lease of [ONE, OTHER]) {
      const answers = () =>
        hypervisor.ping(lease).then(
          () => true,
          () => false,
        )
      await until(answers, BOOT_MS, 'the guest agent does not answer')
      const ip = async () => (await hypervisor.interfaces(lease))?.find(({ ipv4 }) => ipv4[0] !== undefined)
      await until(async () => (await ip()) !== undefined, 30_000, 'the guest has no address')
      const found = await ip()
      addressOf.set(lease, { ip: found!.ipv4[0]!, mac: found!.mac })
    }
    const pings = async (lease: Hex, to: string) =>
      (await hypervisor.exec(lease, ['ping', '-c', '2', '-W', '2', to], 15_000)).exitCode === 0
    const anchors = makeAnchors(makeTools())
    for (const lease of [ONE, OTHER]) {
      const nic = await hypervisor.nicOf(lease)
      expect(nic).toMatchObject(addressOf.get(lease)!)
      await anchors.hold(nic!)
    }
    const host = machine.network.subnet.replace(/0\/24$/, '1')
    for (const [lease, neighbour] of [
      [ONE, OTHER],
      [OTHER, ONE],
    ] as const) {
      const { ip, mac } = addressOf.get(neighbour)!
      expect(await pings(lease, host)).toBe(true)
      expect(await pings(lease, ip)).toBe(false)
      // Nor when it need not be asked who has the address.
      const known = await hypervisor.exec(lease, ['arp', '-s', ip, mac])
      expect(known, known.stderr).toMatchObject({ exitCode: 0 })
      expect(await pings(lease, ip)).toBe(false)
    }
    // One takes the other's address: the host is not taken in.
    const theirs = addressOf.get(OTHER)!
    const steal = `ip link set eth0 down; ip link set eth0 address ${theirs.mac}; ip link set eth0 up
      ip addr add ${theirs.ip}/24 dev eth0; ping -c 3 -W 1 -I ${theirs.ip} ${host}; true`
    const stolen = await hypervisor.exec(ONE, ['sh', '-c', steal], 20_000)
    expect(stolen.stdout).toContain('0 packets received')
    expect(await pings(OTHER, host)).toBe(true)
  } finally {
    await machine.tearDown()
  }
})
