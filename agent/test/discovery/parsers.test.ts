// Captured outputs of several machines, and outputs that no tool should print.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { memoryMiBOf } from '../../src/discovery/discover.ts'
import { firmwareOf } from '../../src/discovery/firmware.ts'
import { namesOf } from '../../src/discovery/gpus.ts'
import { unknown, value } from '../../src/discovery/known.ts'
import { disksOf } from '../../src/discovery/lsblk.ts'
import { cpuFactsOf } from '../../src/discovery/lscpu.ts'
import { defaultInterfaceOf } from '../../src/discovery/network.ts'

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8')
const isUnknown = { unknown: expect.stringMatching(/\S.*\.$/) }

describe('lscpu', () => {
  it('of a guest', () => {
    expect(cpuFactsOf(value(fixture('lscpu-guest-epyc.json')))).toMatchObject({
      architecture: { value: 'x86_64' },
      model: { value: 'AMD EPYC' },
      sockets: { value: 1 },
      cores: { value: 2 },
      threads: { value: 2 },
      flags: { value: expect.arrayContaining(['aes', 'avx2', 'hypervisor']) },
    })
  })
  it('of two sockets with two threads a core, in the nested form: cores are not threads', () => {
    const facts = cpuFactsOf(value(fixture('lscpu-dual-xeon.json')))
    expect(facts).toMatchObject({ sockets: { value: 2 }, cores: { value: 28 }, threads: { value: 56 } })
    expect(facts.flags).toEqual({ value: expect.arrayContaining(['vmx', 'ept']) })
    expect(facts.flags).toEqual({ value: expect.not.arrayContaining(['fpu', 'svm']) })
  })
  it('of a board that knows no sockets: they and the cores stay unknown', () => {
    const facts = cpuFactsOf(value(fixture('lscpu-raspberry.json')))
    expect(facts).toMatchObject({ model: { value: 'Cortex-A72' }, threads: { value: 4 } })
    expect(facts).toMatchObject({ sockets: isUnknown, cores: isUnknown })
  })
  it('of two kinds of cores: what is said twice is not one fact, and the flags are those of both', () => {
    const facts = cpuFactsOf(value(fixture('lscpu-big-little.json')))
    expect(facts).toMatchObject({ model: isUnknown, sockets: isUnknown, cores: isUnknown })
    expect(facts).toMatchObject({ threads: { value: 8 }, vendor: { value: 'ARM' } })
    expect(facts.flags).toEqual({ value: ['aes', 'asimd', 'atomics', 'crc32', 'pmull', 'sha2'] })
  })
  it.each(['', 'Segmentation fault', '{"lscpu":', '{"lscpu":{}}', '[]', '{"lscpu":[{"data":"2"}]}'])(
    'that prints %j: all is unknown',
    (text) => {
      for (const fact of Object.values(cpuFactsOf(value(text)))) expect(fact).toEqual(isUnknown)
    },
  )
  it.each(['0', '-2', '2.5', 'two', '99999999'])('that counts "%s" processors is not believed', (data) => {
    const text = JSON.stringify({ lscpu: [{ field: 'CPU(s):', data }] })
    expect(cpuFactsOf(value(text)).threads).toEqual(isUnknown)
  })
})

describe('lsblk', () => {
  const server = { value: fixture('lsblk-server.json') }
  const kinds = (text: string, at = value('0:0')) => {
    const disks = disksOf(value(text), at)
    return 'value' in disks ? Object.fromEntries(disks.value.map((one) => [one.name, one.kind])) : disks
  }
  it('tells hard disks, SSDs and NVMe apart, and leaves out what is no disk', () => {
    expect(kinds(fixture('lsblk-server.json'))).toEqual({
      sda: { value: 'hdd' },
      sdb: { value: 'hdd' },
      sdc: { value: 'ssd' },
      nvme0n1: { value: 'nvme' },
    })
  })
  it('finds the disk below a logical volume, and both below a mirror', () => {
    const holders = (at: string) => {
      const disks = disksOf(server, value(at))
      if ('unknown' in disks) throw new TypeError(disks.unknown)
      return disks.value.filter(({ holdsData }) => 'value' in holdsData && holdsData.value).map((d) => d.name)
    }
    expect(holders('254:1')).toEqual(['nvme0n1'])
    expect(holders('9:0')).toEqual(['sda', 'sdb'])
  })
  it('does not say of any disk that it holds the data when none does', () => {
    const disks = disksOf(server, value('0:42'))
    if ('unknown' in disks) throw new TypeError(disks.unknown)
    expect(disks.value.map(({ holdsData }) => holdsData)).toEqual(Array(4).fill(isUnknown))
  })
  it('reads the texts of old versions', () => {
    const disks = disksOf(value(fixture('lsblk-old.json')), value('8:1'))
    expect(disks).toMatchObject({
      value: [
        {
          name: 'sda',
          sizeBytes: { value: 240_057_409_536 },
          kind: { value: 'ssd' },
          holdsData: { value: true },
        },
        { name: 'sdb', model: isUnknown, kind: { value: 'hdd' }, holdsData: { value: false } },
      ],
    })
  })
  it('leaves a disk unknown whose type cannot be read', () => {
    expect(kinds(fixture('lsblk-no-rota.json'))).toEqual({ mmcblk0: isUnknown })
  })
  it('calls virtual what a hypervisor shows, whatever that says about turning', () => {
    const disk = { type: 'disk', size: 1e9, 'maj:min': '1:1' }
    const devices = [
      { ...disk, name: 'vda', rota: true, tran: null, model: null },
      { ...disk, name: 'sda', rota: true, tran: 'sata', model: 'QEMU HARDDISK' },
      { ...disk, name: 'nvme0n1', rota: false, tran: 'nvme', model: 'Amazon Elastic Block Store' },
    ]
    expect(Object.values(kinds(JSON.stringify({ blockdevices: devices })))).toEqual(
      Array(3).fill({ value: 'virtual' }),
    )
  })
  it.each(['', 'lsblk: dump', '{"blockdevices":null}', '{"blockdevices":[{"name":1}]}'])(
    'that prints %j: the disks are unknown, which is not none',
    (text) => expect(disksOf(value(text), value('8:0'))).toEqual(isUnknown),
  )
})

describe('dmidecode', () => {
  it('of a server', () => {
    expect(firmwareOf(value(fixture('dmidecode-server.txt')))).toEqual({
      manufacturer: { value: 'Supermicro' },
      product: { value: 'SYS-6019P-MTR' },
      firmware: { value: 'American Megatrends Inc. 3.4 10/30/2020' },
      serial: { value: 'S312345X9876543' },
    })
  })
  it('of a board whose maker left it blank', () => {
    expect(firmwareOf(value(fixture('dmidecode-blank.txt')))).toEqual({
      manufacturer: isUnknown,
      product: isUnknown,
      firmware: { value: 'American Megatrends Inc. 06/19/2019' },
      serial: isUnknown,
    })
  })
  it('of a virtual machine', () => {
    expect(firmwareOf(value(fixture('dmidecode-qemu.txt')))).toMatchObject({
      manufacturer: { value: 'QEMU' },
      serial: isUnknown,
    })
  })
  it.each(['', '# No SMBIOS nor DMI entry point found, sorry.\n'])('that prints %j', (text) => {
    for (const fact of Object.values(firmwareOf(value(text)))) expect(fact).toEqual(isUnknown)
  })
  it('that does not run gives its reason to every field', () => {
    const none = unknown('dmidecode is not installed.')
    for (const fact of Object.values(firmwareOf(none))) expect(fact).toEqual(none)
  })
})

describe('lspci', () => {
  it('names vendor and model without their numbers', () => {
    const names = namesOf(fixture('lspci.txt'))
    expect(names.get('0000:01:00.0')).toEqual({
      vendor: 'NVIDIA Corporation',
      model: 'GA102 [GeForce RTX 3090]',
    })
    expect(names.get('0000:02:00.0')).toEqual({ vendor: 'NVIDIA Corporation', model: 'Device' })
  })
  it('that prints rubbish names nothing', () => {
    expect(namesOf('pcilib: Cannot open /proc/bus/pci\n"a" "b" "c"\n').size).toBe(0)
  })
})

describe('the rest', () => {
  it('memory, in whole MiB', () => {
    expect(memoryMiBOf(fixture('meminfo.txt'))).toEqual({ value: 128_800 })
    expect(memoryMiBOf('MemFree: 1 kB\n')).toEqual(isUnknown)
  })
  it('the default route with the lowest metric', () => {
    expect(defaultInterfaceOf(fixture('route.txt'))).toEqual({ value: 'eth0' })
    expect(defaultInterfaceOf(fixture('route.txt').split('\n')[0]!)).toEqual(isUnknown)
  })
})
