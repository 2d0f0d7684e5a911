import type { GpuFacts, Known } from '@decloud/protocol/wire/facts'
import { loadMachineConfig } from '../../config/config.ts'
import type { Discovery } from '../../discovery/discover.ts'
import { discoverNode } from '../../measure.ts'
import { openFactsStore } from '../../state/node-facts-store.ts'
import { EXIT, makeVerb } from '../verb.ts'

export const discover = makeVerb({
  about:
    'Needs no chain and changes nothing but its own notes in the data folder. What is not known says why.',
  options: {},
  run: async (io) => {
    const config = loadMachineConfig(io.env, io.given)
    const store = openFactsStore(config.dataDir)
    try {
      const found = await discoverNode(config, store)
      io.result({ ...found.machine, own: found.own }, textOf(found))
      return EXIT.done
    } finally {
      store.close()
    }
  },
})

const textOf = ({ machine, own }: Discovery): string => {
  const { cpu } = machine
  const disks = listOf(machine.disks, (disk) => {
    const holds = 'value' in disk.holdsData && disk.holdsData.value ? ', the disks of guests' : ''
    return `${disk.name}: ${say(disk.kind)}, ${say(disk.sizeBytes, gigabytes)}, ${say(disk.model)}${holds}`
  })
  return [
    `processor      ${say(cpu.model)}, ${say(cpu.architecture)}`,
    `               ${say(cpu.sockets)} sockets, ${say(cpu.cores)} cores, ${say(cpu.threads)} threads`,
    `               ${say(cpu.flags, (flags) => flags.join(' '))}`,
    `memory         ${say(machine.memoryMiB, (mib) => `${mib} MiB`)}`,
    ...disks.map((line, i) => `${i === 0 ? 'disks' : ''}`.padEnd(15) + line),
    `data folder    ${say(machine.dataGiB, (gib) => `${gib} GiB`)}`,
    ...listOf(machine.gpus, gpuLine).map((line, i) => `${i === 0 ? 'GPUs' : ''}`.padEnd(15) + line),
    `address        ${say(own.localAddress)}; seen from outside: ${say(own.publicAddress)}`,
    `NAT            ${say(machine.nat)}`,
    `guests         ${machine.kvm.reason}`,
    `machine        ${say(machine.manufacturer)} ${say(machine.product)}, serial ${say(own.serial)}`,
    `firmware       ${say(machine.firmware)}`,
  ].join('\n')
}

const gpuLine = (gpu: GpuFacts): string =>
  `${gpu.address}: ${say(gpu.vendor)} ${say(gpu.model)}, IOMMU group ${say(gpu.iommuGroup)}, driver ${say(gpu.driver)}`

const gigabytes = (bytes: number): string => `${Math.round(bytes / 1e9)} GB`

const listOf = <one>(known: Known<readonly one[]>, line: (one: one) => string): readonly string[] => {
  if ('unknown' in known) return [say(known)]
  return known.value.length === 0 ? ['none'] : known.value.map(line)
}

const say = <fact>(known: Known<fact>, text: (fact: fact) => string = String): string =>
  'value' in known ? text(known.value) : `unknown (${known.unknown.replace(/\.$/, '')})`
