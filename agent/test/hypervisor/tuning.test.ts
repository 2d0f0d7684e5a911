// What crosses the border to libvirt as bytes and as text.
import { expect, test } from 'vitest'
import { domainXml } from '../../src/hypervisor/libvirt/domain-xml.ts'
import { parseNic } from '../../src/hypervisor/libvirt/nic-xml.ts'
import { readParameters, writeParameters } from '../../src/hypervisor/libvirt/typed-parameters.ts'
import { paperSpec } from './spec.ts'

test('parameters come back as they were written, the extremes included', () => {
  const { bytes, count } = writeParameters([
    { name: 'cpu_shares', kind: 'ullong', value: 2n ** 64n - 1n },
    { name: 'global_quota', kind: 'llong', value: -1n },
    { name: 'n'.repeat(79), kind: 'llong', value: -(2n ** 63n) },
  ])
  expect([bytes.length, count]).toEqual([288, 3])
  expect([...readParameters(bytes, count)]).toEqual([
    ['cpu_shares', 2n ** 64n - 1n],
    ['global_quota', -1n],
    ['n'.repeat(79), -(2n ** 63n)],
  ])
})

test('parameters of the other types are read as what they are, or left out', () => {
  const { bytes } = writeParameters([
    { name: 'int', kind: 'llong', value: 0n },
    { name: 'uint', kind: 'llong', value: 0n },
    { name: 'text', kind: 'llong', value: 0n },
  ])
  bytes.writeInt32LE(1, 80)
  bytes.writeInt32LE(-5, 88)
  bytes.writeInt32LE(2, 96 + 80)
  bytes.writeUInt32LE(4_000_000_000, 96 + 88)
  bytes.writeInt32LE(7, 192 + 80)
  expect([...readParameters(bytes, 9)]).toEqual([
    ['int', -5n],
    ['uint', 4_000_000_000n],
  ])
})

test('the limits of a link are read back from the very text that sets them, once it has a device', () => {
  const rate = { average: 1_250, peak: 2_500, burst: 1_250 }
  const context = { instance: 'mine', arch: 'x86_64', type: 'qemu' } as const
  const live = (xml: string) =>
    xml.replace(`<model type='virtio'/>`, `<target dev='vnet7'/><model type='virtio'/>`)
  const limited = domainXml({ ...paperSpec('0xa1'), bandwidth: { inbound: rate, outbound: rate } }, context)
  expect(parseNic(live(limited))).toMatchObject({
    device: 'vnet7',
    bandwidth: { inbound: rate, outbound: rate },
  })
  expect(parseNic(live(domainXml(paperSpec('0xa1'), context)))).toEqual({
    device: 'vnet7',
    network: 'decloud',
    mac: paperSpec('0xa1').network.mac,
    bandwidth: null,
  })
  expect(parseNic('<domain><devices/></domain>')).toBeNull()
})

test('a direction that is missing, or a limit without burst, is told apart', () => {
  const nic = (inner: string) =>
    `<interface type='network'><mac address='52:54:00:00:00:01'/><target dev='vnet0'/>${inner}</interface>`
  expect(parseNic(nic(`<bandwidth><inbound average='5'/></bandwidth>`))?.bandwidth).toEqual({
    inbound: { average: 5 },
  })
  expect(
    parseNic(nic(`<bandwidth><outbound average="5" peak="6" burst="7"/></bandwidth>`))?.bandwidth,
  ).toEqual({
    outbound: { average: 5, peak: 6, burst: 7 },
  })
})
