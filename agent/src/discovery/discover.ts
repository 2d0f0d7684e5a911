// All that can be found out about the machine, put together. What is not found out says why.
import { readFile, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { sentenceOf } from '@decloud/protocol'
import type { Known, MachineFacts } from '@decloud/protocol/wire/facts'
import { decideAcceleration, probeKvm } from '../hypervisor/libvirt/kvm.ts'
import { readFirmware } from './firmware.ts'
import { readGpus } from './gpus.ts'
import { unknown, value } from './known.ts'
import { disksOf, LSBLK_ARGS } from './lsblk.ts'
import { cpuFactsOf } from './lscpu.ts'
import { natClassOf, publicAddressOf, type Sight } from './nat.ts'
import { type Interfaces, readLocalAddress } from './network.ts'
import type { AskTool } from './tool.ts'

export type Discovery = {
  readonly machine: MachineFacts
  /** What the operator may see and nobody is told: where the machine is, and which one it is. */
  readonly own: {
    readonly localAddress: Known<string>
    readonly publicAddress: Known<string>
    readonly serial: Known<string>
  }
}

export type DiscoverDeps = {
  readonly ask: AskTool
  /** Where the disks of guests lie; it exists. */
  readonly dataDir: string
  /** How others see this machine; one entry for each that was asked. */
  readonly seen: () => Promise<readonly Sight[]>
  readonly nowMs: () => number
  /** For tests: where /dev, /proc and /sys are looked for. */
  readonly root?: string
  readonly interfaces?: Interfaces
}

const MIB = 1024 ** 2
const GIB = 1024 ** 3

/** `/proc/meminfo` → all of the memory, in MiB. Pure. */
export const memoryMiBOf = (text: string): Known<number> => {
  const match = /^MemTotal:\s+(\d{1,15}) kB$/m.exec(text)
  return match === null
    ? unknown('/proc/meminfo does not say MemTotal.')
    : value(Math.floor((Number(match[1]) * 1024) / MIB))
}

/** Never rejects for what the machine does not tell. */
export const discover = async (deps: DiscoverDeps): Promise<Discovery> => {
  const { ask, dataDir, nowMs, root = '/' } = deps
  const [cpu, memory, block, at, dataGiB, gpus, local, sights, kvm, firmware] = await Promise.all([
    ask('lscpu', ['-J']),
    readFile(join(root, 'proc/meminfo'), 'utf8').then(memoryMiBOf, notRead('/proc/meminfo')),
    ask('lsblk', LSBLK_ARGS),
    stat(dataDir).then(({ dev }) => value(deviceNumber(dev)), notRead(dataDir)),
    statfs(dataDir).then(({ blocks, bsize }) => value(Math.floor((blocks * bsize) / GIB)), notRead(dataDir)),
    readGpus(ask, root),
    readLocalAddress(root, deps.interfaces),
    deps.seen(),
    probeKvm(root),
    readFirmware(ask, root),
  ])
  const { acceleration, reason } = decideAcceleration(kvm, 'auto')
  const { manufacturer, product, serial } = firmware
  return {
    machine: {
      takenAt: Math.floor(nowMs() / 1_000),
      cpu: cpuFactsOf(cpu),
      memoryMiB: memory,
      disks: disksOf(block, at),
      dataGiB,
      gpus,
      nat: natClassOf(local, sights),
      kvm: { usable: acceleration === 'kvm', reason },
      ...{ manufacturer, product, firmware: firmware.firmware },
    },
    own: { localAddress: local, publicAddress: publicAddressOf(local, sights), serial },
  }
}

const notRead = (what: string) => (error: unknown) => unknown(`${what} cannot be read: ${sentenceOf(error)}`)

/** As the kernel writes it, `major:minor`; the bits as in glibc's `gnu_dev_major` and `gnu_dev_minor`. */
const deviceNumber = (dev: number): string => {
  const bits = BigInt(dev)
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & ~0xfffn)
  const minor = (bits & 0xffn) | ((bits >> 12n) & ~0xffn)
  return `${major}:${minor}`
}
