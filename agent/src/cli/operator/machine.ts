// What this machine may be registered with: by default what was measured of it, and never more.
import type { AgentConfig } from '../../config/config.ts'
import { hostMemoryFor } from '../../domain/capacity.ts'
import { AgentError } from '../../lib/errors.ts'
import { type Measured, measuredOf } from '../../measure.ts'
import { demandProof } from '../../prove.ts'
import { openFactsStore } from '../../state/node-facts-store.ts'
import { type Options, UsageError, wholeNumber } from '../verb.ts'

export type CapacityAsked = {
  readonly 'point-units': string | undefined
  readonly memory: string | undefined
  readonly disk: string | undefined
  readonly gpus: string | undefined
}

/** What both registering and changing it take. */
export const CAPACITY = {
  'point-units': { type: 'string', argument: 'N', about: 'compute on offer; 12 units are a point' },
  memory: { type: 'string', argument: 'MIB', about: 'memory on offer' },
  disk: { type: 'string', argument: 'GIB', about: 'disk on offer' },
  gpus: { type: 'string', argument: 'N', about: 'GPUs on offer, of those that the configuration names' },
} as const satisfies Options

type Capacity = {
  readonly pointUnits: bigint
  readonly memoryMiB: bigint
  readonly diskGiB: bigint
  readonly gpus: number
}

export const capacityText = ({ pointUnits, memoryMiB, diskGiB, gpus }: Capacity): string =>
  `${Number(pointUnits) / 12} points (${pointUnits} units), ${memoryMiB} MiB, ${diskGiB} GiB, ${gpus} GPUs`

/** @param proof the chain that a guest must have booted for; null on a development chain, where none is demanded. */
export const measuredIn = (dataDir: string, proof: { chainId: number } | null, nowMs: number): Measured => {
  const store = openFactsStore(dataDir)
  try {
    if (proof !== null) demandProof(store, proof.chainId, nowMs)
    return measuredOf(store)
  } finally {
    store.close()
  }
}

type Known = Measured['pointUnits']
const FIELD_MOST = 2 ** 32 - 1
/** Of the file system for guests, what the system itself and its logs are left. */
const DISK_PART = 0.9

/** @throws UsageError for what is neither measured nor said, and for more than was measured. */
export const capacityOf = (
  asked: CapacityAsked,
  measured: Measured,
  { gpus }: Pick<AgentConfig, 'gpus'>,
): Capacity => ({
  pointUnits: BigInt(within('point-units', asked['point-units'], measured.pointUnits, (points) => points)),
  memoryMiB: BigInt(within('memory', asked.memory, measured.memoryMiB, hostMemoryFor)),
  diskGiB: BigInt(within('disk', asked.disk, measured.diskGiB, (gib) => Math.floor(gib * DISK_PART))),
  gpus: gpuCount(asked.gpus, gpus ?? []),
})

/** @param usable what of the measured is for guests: the default, and the most. */
const within = (
  name: string,
  asked: string | undefined,
  measured: Known,
  usable: (value: number) => number,
): number => {
  if ('unknown' in measured) {
    if (asked !== undefined) return wholeNumber(name, asked, 1, FIELD_MOST)
    throw new UsageError(
      `How much to register is not known. ${measured.unknown}`,
      `Or say it with --${name}.`,
    )
  }
  const most = usable(measured.value)
  if (asked === undefined) return most
  const wanted = wholeNumber(name, asked, 1, FIELD_MOST)
  if (wanted <= most) return wanted
  throw new AgentError(
    'over-measured',
    `--${name} ${wanted} is more than the ${most} that this machine was measured to have for guests.`,
    {
      hint: 'Offer less, or measure again: `decloud-node discover`, `decloud-node benchmark`.',
      details: { wanted, most },
    },
  )
}

/** A guest can only be given a GPU that the configuration names. */
const gpuCount = (asked: string | undefined, named: readonly string[]): number =>
  asked === undefined ? named.length : wholeNumber('gpus', asked, 0, named.length)
