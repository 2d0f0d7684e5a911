// What a node has to give, for tests whose subject is something else.

import { makeFakeAnchors } from '../../src/bridge/fake-anchors.ts'
import type { Hypervisor } from '../../src/ports/hypervisor.ts'
import { makeFakeShaper } from '../../src/qos/fake-shaper.ts'
import type { Log, Machine } from '../../src/reconcile/ports.ts'
import type { Resources } from '../../src/reconcile/resources.ts'
import { makeTending } from '../../src/reconcile/tending.ts'
import { makeLedger } from '../../src/state/ledger-store.ts'

type Database = Parameters<typeof makeLedger>[0]

/** More than any test asks for. */
export const PLENTIFUL: Machine = {
  availableMemoryMiB: async () => 1_000_000,
  availableDiskBytes: async () => 2 ** 50,
  diskReserveBytes: 2 ** 30,
  totals: async () => ({ memoryMiB: 1_000_000, diskBytes: 2 ** 50, cpus: 64 }),
}

export const NO_EVENTS = { record: () => {} }

/** The price policy's own table. */
export const UNITS_PER_VCPU = [12, 8, 6, 3] as const

export const simulatedResources = (
  db: Database,
  hypervisor: Hypervisor,
  log: Log,
  changed: Partial<Resources> = {},
): Resources => {
  const shaper = changed.shaper ?? makeFakeShaper('test')
  const anchors = changed.anchors ?? makeFakeAnchors()
  return {
    offer: async () => ({
      offered: { pointUnits: 96, memoryMiB: 8_192, diskGiB: 100, gpus: 0 },
      unitsPerVcpu: UNITS_PER_VCPU,
    }),
    ledger: makeLedger(db),
    shaper,
    anchors,
    tending: makeTending(hypervisor, { shaper, anchors }, log),
    gpuAddresses: [],
    ...changed,
  }
}
