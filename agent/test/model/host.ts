// The machine under the agent: simulated guests that outlive it, disks and seeds as files, clocks that may be wrong.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { NO_WISH, type Wish } from '../../src/domain/wish.ts'
import { SimulatedMachine } from '../../src/hypervisor/fake/machine.ts'

const START_MS = 1_800_000_000_000
const NETWORK = { name: 'decloud', subnet: '10.77.0.0/24', mode: 'nat' } as const
export const INSTANCE = 'n1'

/** Whether each kind of storage step fails from now on, and how. */
export type StorageFaults = { overlay: boolean; seed: boolean; rename: boolean; image: boolean }

export const makeHost = async () => {
  // In memory where the machine has such a folder: what a disk takes to sync is no part of the model.
  const root = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const directory = await mkdtemp(join(root, 'decloud-model-'))
  let trueMs = START_MS
  let skewMs = 0
  let actions = 0
  const machine = new SimulatedMachine({ now: () => trueMs, faults: { bootMs: 2_000 } })
  const wishes = new Map<Hex, Wish>()
  const made = new Map<string, number>()
  const asideSince = new Map<string, number>()
  const diskDir = join(directory, 'disks')

  const named = () => {
    const out: { lease: Hex; id: string; inUse: boolean }[] = []
    let names: readonly string[] = []
    try {
      names = readdirSync(diskDir)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error // else no disk has been made yet
    }
    for (const name of names.filter((name) => !name.endsWith('.partial'))) {
      // Written by the simulated store: one line of JSON.
      const { id } = JSON.parse(readFileSync(join(diskDir, name), 'utf8')) as { id: string }
      out.push({ lease: `0x${name.split('.')[0]}`, id, inUse: name.endsWith('.qcow2') })
    }
    return out
  }

  return {
    directory,
    machine,
    instance: INSTANCE,
    network: NETWORK,
    memoryMiB: 3_072,
    freeBytes: 2 ** 50,
    storage: { overlay: false, seed: false, rename: false, image: false } as StorageFaults,
    trueMs: () => trueMs,
    nowMs: () => trueMs + skewMs,
    pass: (ms: number) => {
      trueMs += ms
    },
    setClock: (skew: number) => {
      skewMs = skew
    },
    actions: () => actions,
    act: () => {
      actions++
    },
    wish: (leaseId: Hex) => wishes.get(leaseId) ?? NO_WISH,
    order: (leaseId: Hex, change: (wish: Wish) => Wish) => {
      wishes.set(leaseId, change(wishes.get(leaseId) ?? NO_WISH))
    },
    usedMemoryMiB: () =>
      machine.state.domains
        .filter(({ state }) => state === 'running' || state === 'paused')
        .reduce((sum, { spec }) => sum + spec.memoryMiB, 0),
    diskInUse: (leaseId: Hex) => named().find(({ lease, inUse }) => inUse && lease === leaseId)?.id ?? null,
    disksOf: (leaseId: Hex) =>
      named()
        .filter(({ lease }) => lease === leaseId)
        .map(({ id }) => id),
    markAside: (id: string) => {
      asideSince.set(id, trueMs)
    },
    asideForMs: (id: string) => trueMs - (asideSince.get(id) ?? trueMs),
    /** By the count of actions. */
    madeAt: (id: string) => made.get(id) ?? actions,
    markPurged: (id: string) => {
      made.delete(id)
    },
    /** The disks that were there and are not, though nobody may have deleted them. */
    vanished: (): readonly string[] => {
      const present = new Set(named().map(({ id }) => id))
      const gone = [...made.keys()].filter((id) => !present.has(id))
      for (const id of present) if (!made.has(id)) made.set(id, actions)
      for (const id of gone) made.delete(id)
      return gone
    },
    release: () => rm(directory, { recursive: true, force: true }),
  }
}
export type Host = Awaited<ReturnType<typeof makeHost>>
