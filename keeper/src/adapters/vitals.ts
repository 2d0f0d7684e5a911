import { statfs } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Chain, migrate } from '@decloud/chain'
import { sentenceOf } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { Address } from 'viem'
import type { VitalSigns, Vitals } from '../ports/vitals.ts'

const SCHEMA = [
  // Written for nothing but to see whether writing works.
  'CREATE TABLE vitals_probe (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT',
]

export type VitalsDeps = {
  chain: Chain
  account: Address | null
  dataDir: string
  local: Database
  now(): number
  /** What could not be read; health says it too, this one says why. */
  onError(error: unknown): void
}

export const makeVitals = ({ chain, account, dataDir, local, now, onError }: VitalsDeps): Vitals => {
  migrate(local, 'vitals', SCHEMA)
  const probe = local.prepare('INSERT OR REPLACE INTO vitals_probe VALUES (1, ?)')
  const delays = monitorEventLoopDelay({ resolution: 20 })
  delays.enable()
  let signs: VitalSigns = {
    gas: account === null ? null : 'unknown',
    diskFreeBytes: null,
    unwritable: null,
    eventLoopLagMs: 0,
  }

  const gasOf = async (): Promise<VitalSigns['gas']> => {
    if (account === null) return null
    try {
      return await chain.request('read the gas balance', (client) => client.getBalance({ address: account }))
    } catch (error) {
      onError(error)
      return 'unknown'
    }
  }
  const freeBytes = async (): Promise<bigint | null> => {
    try {
      const { bavail, bsize } = await statfs(dataDir, { bigint: true })
      return bavail * bsize
    } catch (error) {
      onError(error)
      return null
    }
  }
  const writeProbe = (): string | null => {
    try {
      probe.run(now())
      return null
    } catch (error) {
      onError(error)
      return sentenceOf(error)
    }
  }

  return {
    signs: () => ({ ...signs, eventLoopLagMs: Math.max(signs.eventLoopLagMs, delays.max / 1e6) }),
    look: async () => {
      const eventLoopLagMs = delays.max / 1e6
      delays.reset()
      const unwritable = writeProbe()
      const [gas, diskFreeBytes] = await Promise.all([gasOf(), freeBytes()])
      signs = { gas, diskFreeBytes, unwritable, eventLoopLagMs }
    },
    close: () => void delays.disable(),
  }
}
