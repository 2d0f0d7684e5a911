// Facts as a node would sign them.
import type { MachineFacts, NodeFacts } from '@decloud/protocol/wire/facts'

const none = { unknown: 'The sample does not say.' }

export const MACHINE: MachineFacts = {
  takenAt: 1_700_000_000,
  cpu: {
    ...{
      architecture: { value: 'x86_64' },
      vendor: none,
      model: { value: 'A processor' },
      flags: { value: ['aes'] },
    },
    ...{ sockets: { value: 1 }, cores: { value: 4 }, threads: { value: 8 } },
  },
  ...{ memoryMiB: { value: 16_000 }, dataGiB: { value: 900 }, gpus: { value: [] }, nat: { value: 'nat' } },
  disks: {
    value: [
      { name: 'sda', model: none, sizeBytes: none, kind: { value: 'ssd' }, holdsData: { value: true } },
    ],
  },
  kvm: { usable: false, reason: 'TCG, as the sample says.' },
  ...{ manufacturer: none, product: none, firmware: none },
}

export const sampleFacts = (node: number, signedAt: number, cores = 4): NodeFacts => ({
  ...{ node, signedAt, version: '0.1.0' },
  machine: { value: { ...MACHINE, cpu: { ...MACHINE.cpu, cores: { value: cores } } } },
  ...{ benchmark: none, probe: none },
})
