// The whole discovery on machines that lack this or that: what is not found out is "unknown", and never made up.
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { nodeFactsSchema } from '@decloud/protocol/wire/facts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { discover } from '../../src/discovery/discover.ts'
import { makeAskTool } from '../../src/discovery/tool.ts'

const fixture = (name: string) => readFile(new URL(`fixtures/${name}`, import.meta.url), 'utf8')
const isUnknown = (why: RegExp) => ({ unknown: expect.stringMatching(why) })
const TOOLS = {
  lscpu: 'lscpu-dual-xeon.json',
  lsblk: 'lsblk-server.json',
  lspci: 'lspci.txt',
  dmidecode: 'dmidecode-server.txt',
} as const

let root: string
const bin = () => join(root, 'bin')
const put = async (path: string, text: string) => {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}
/** A tool that prints what such a tool printed on some machine. */
const tool = async (name: string, script: string) => {
  await put(`bin/${name}`, `#!/bin/sh\n${script}\n`)
  await chmod(join(bin(), name), 0o755)
}
const prints = async (name: string, file: string) => {
  await put(`printed/${name}`, await fixture(file))
  await tool(name, `exec /bin/cat '${join(root, 'printed', name)}'`)
}
const pci = async (address: string, kind: string, vendor: string, device: string, group: string | null) => {
  const folder = `sys/bus/pci/devices/${address}`
  await put(`${folder}/class`, `0x${kind}\n`)
  await put(`${folder}/vendor`, `0x${vendor}\n`)
  await put(`${folder}/device`, `0x${device}\n`)
  if (group !== null)
    await symlink(`../../../kernel/iommu_groups/${group}`, join(root, folder, 'iommu_group'))
}

/** A server with everything on it. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'decloud-discovery-'))
  for (const [name, file] of Object.entries(TOOLS)) await prints(name, file)
  await put('proc/meminfo', await fixture('meminfo.txt'))
  await put('proc/net/route', await fixture('route.txt'))
  await put('proc/cpuinfo', 'flags\t\t: fpu vmx ept\n')
  await pci('0000:00:00.0', '060000', '8086', '3ec2', '0')
  await pci('0000:01:00.0', '030000', '10de', '2204', '14')
  await pci('0000:01:00.1', '040300', '10de', '1aef', '14')
})
afterEach(() => rm(root, { recursive: true, force: true }))

const found = async (deadlineMs = 20_000) => {
  const discovery = await discover({
    ask: makeAskTool(bin(), deadlineMs),
    dataDir: root,
    seen: async () => [],
    nowMs: () => 1_700_000_000_000,
    root,
    interfaces: () => ({
      eth0: [
        {
          ...{ address: '192.168.0.7', netmask: '255.255.255.0', family: 'IPv4', mac: '02:00:00:00:00:01' },
          ...{ internal: false, cidr: '192.168.0.7/24' },
        },
      ],
    }),
  })
  // Whatever was found can be put into a statement.
  const none = { unknown: 'Not asked.' }
  const machine = { value: discovery.machine }
  nodeFactsSchema.parse({ node: 1, signedAt: 1, version: '1', machine, benchmark: none, probe: none })
  return discovery
}

describe('a discovery', () => {
  it('of a machine that tells everything', async () => {
    const { machine, own } = await found()
    expect(machine).toMatchObject({
      takenAt: 1_700_000_000,
      cpu: { cores: { value: 28 } },
      memoryMiB: { value: 128_800 },
      dataGiB: { value: expect.any(Number) },
      gpus: {
        value: [
          {
            address: '0000:01:00.0',
            vendor: { value: 'NVIDIA Corporation' },
            model: { value: 'GA102 [GeForce RTX 3090]' },
            ids: { value: '10de:2204' },
            iommuGroup: { value: '14' },
            driver: isUnknown(/No driver/),
          },
        ],
      },
      nat: isUnknown(/private/),
      kvm: { usable: false, reason: expect.stringContaining('/dev/kvm') },
      manufacturer: { value: 'Supermicro' },
    })
    expect(own).toMatchObject({
      localAddress: { value: '192.168.0.7' },
      serial: { value: 'S312345X9876543' },
    })
  })

  it('tells nobody its serial number or its addresses', async () => {
    const { machine } = await found()
    expect(JSON.stringify(machine)).not.toMatch(/S312345X9876543|192\.168\.0\.7/)
  })

  it('without dmidecode: the maker is unknown, and the rest is there', async () => {
    await rm(join(bin(), 'dmidecode'))
    const { machine, own } = await found()
    const why = isUnknown(/^dmidecode is not installed\.$/)
    expect(machine).toMatchObject({ manufacturer: why, product: why, firmware: why })
    expect(own.serial).toEqual(why)
    expect(machine.cpu.cores).toEqual({ value: 28 })
  })

  it('without dmidecode, where the kernel shows some of it', async () => {
    await rm(join(bin(), 'dmidecode'))
    await put('sys/class/dmi/id/sys_vendor', 'Hetzner\n')
    await put('sys/class/dmi/id/product_name', 'Default string\n')
    await put('sys/class/dmi/id/bios_vendor', 'coreboot\n')
    expect((await found()).machine).toMatchObject({
      manufacturer: { value: 'Hetzner' },
      product: isUnknown(/not installed|blank/),
      firmware: { value: 'coreboot' },
    })
  })

  it('without a GPU: none, which is known', async () => {
    await rm(join(root, 'sys/bus/pci/devices/0000:01:00.0'), { recursive: true })
    expect((await found()).machine.gpus).toEqual({ value: [] })
  })

  it('without lspci: the GPU is there, its names are not', async () => {
    await rm(join(bin(), 'lspci'))
    const why = isUnknown(/^lspci is not installed\.$/)
    expect((await found()).machine.gpus).toMatchObject({
      value: [{ ids: { value: '10de:2204' }, vendor: why, model: why }],
    })
  })

  it('whose list of PCI devices cannot be read: unknown, which is not none', async () => {
    await rm(join(root, 'sys/bus/pci/devices/0000:01:00.0/class'))
    expect((await found()).machine.gpus).toEqual(isUnknown(/cannot be read/))
  })

  it('of a disk whose type cannot be read', async () => {
    await prints('lsblk', 'lsblk-no-rota.json')
    expect((await found()).machine.disks).toMatchObject({
      value: [{ name: 'mmcblk0', kind: isUnknown(/turns/), holdsData: isUnknown(/none of these disks/) }],
    })
  })

  it.each(['lscpu', 'lsblk', 'dmidecode', 'lspci'])('with a %s that hangs: it is ended', async (name) => {
    // It ignores what asks it politely, and its end shows in the file.
    await tool(name, `trap '' TERM\necho $$ > '${join(root, 'pid')}'\nwhile :; do /bin/sleep 1; done`)
    const { machine } = await found(1_500)
    const why = isUnknown(new RegExp(`^${name} did not answer within 1.5 s\\.$`))
    expect({
      lscpu: machine.cpu.cores,
      lsblk: machine.disks,
      dmidecode: machine.manufacturer,
      lspci: 'value' in machine.gpus ? machine.gpus.value[0]!.model : machine.gpus,
    }).toMatchObject({ [name]: why })
    const pid = Number(await readFile(join(root, 'pid'), 'utf8'))
    expect(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).not.toContain(name)
  })

  it.each([
    ['rubbish', 'echo "Illegal instruction"'],
    ['nothing', ':'],
    ['an error', 'echo "cannot open /dev/mem" >&2; exit 1'],
    ['half of its answer', 'printf \'{"lscpu":[{"field":"CPU(s):"\''],
  ])('whose tools all print %s: everything of theirs is unknown', async (_, script) => {
    for (const name of Object.keys(TOOLS)) await tool(name, script)
    const { machine } = await found()
    const all = isUnknown(/\S/)
    for (const fact of Object.values(machine.cpu)) expect(fact).toEqual(all)
    expect(machine).toMatchObject({ disks: all, manufacturer: all, product: all, firmware: all })
    expect(machine.gpus).toMatchObject({ value: [{ vendor: all, model: all }] })
    expect(machine.memoryMiB).toEqual({ value: 128_800 })
  })

  it('of a machine without /proc', async () => {
    await rm(join(root, 'proc'), { recursive: true })
    const { machine, own } = await found()
    expect(machine).toMatchObject({ memoryMiB: isUnknown(/meminfo/), nat: isUnknown(/route/) })
    expect(own.publicAddress).toEqual(isUnknown(/Nobody outside was asked/))
  })
})
