// What a probe calls its own. Made of the data folder alone: what one that was killed has left is found by name, and
// nothing else ever bears it.
import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'

export type ProbeNames = {
  /** Of the hypervisor's domains: `decloud-<instance>-…`. */
  readonly instance: string
  /** Fifteen letters, the most that an interface may have. */
  readonly network: string
  /** Disk and seed; made first and removed last, so that it stands for all the rest. */
  readonly folder: string
  readonly lock: string
}

export const probeNames = (dataDir: string): ProbeNames => {
  const digest = createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 12)
  return {
    instance: `p${digest}`,
    network: `dcp${digest}`,
    folder: join(dataDir, 'probe'),
    lock: join(dataDir, 'probe.lock'),
  }
}
