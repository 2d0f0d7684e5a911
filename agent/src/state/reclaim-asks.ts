// What the operator asks of the agent on its own machine: files in the data folder, which only its owner can write. They
// stand until the lease is over or they are taken back.
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Hex, isHex } from 'viem'
import { z } from 'zod'

export type ReclaimAsk = { readonly leaseId: Hex; readonly reason: string }

/** Of a reason, in UTF-8: the contract keeps one word. */
export const MAX_REASON_BYTES = 32

const askSchema = z.strictObject({
  reason: z
    .string()
    .min(1)
    .refine((text) => new TextEncoder().encode(text).length <= MAX_REASON_BYTES, 'at most 32 bytes'),
})

export type ReclaimAsks = {
  /** @param onDamaged told the name of a file that makes no sense; it is left for a person to look at. */
  all(onDamaged: (name: string) => void): readonly ReclaimAsk[]
  put(ask: ReclaimAsk): void
  /** @returns whether there was one. */
  remove(leaseId: Hex): boolean
}

/** @param dataDir of the agent. Throws what the file system throws. */
export const makeReclaimAsks = (dataDir: string): ReclaimAsks => {
  const folder = join(dataDir, 'reclaims')
  const fileOf = (leaseId: Hex) => join(folder, `${leaseId.toLowerCase()}.json`)
  // By whoever comes first; the agent does at its start, and so can remove what others put here.
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const names = () => readdirSync(folder).filter((name) => name.endsWith('.json'))
  return {
    all: (onDamaged) =>
      names().flatMap((name) => {
        const leaseId = name.slice(0, -'.json'.length)
        const parsed = askSchema.safeParse(jsonOf(readFileSync(join(folder, name), 'utf8')))
        if (parsed.success && isHex(leaseId) && leaseId.length === 66) return [{ leaseId, ...parsed.data }]
        onDamaged(name)
        return []
      }),
    put: ({ leaseId, reason }) => {
      const partial = `${fileOf(leaseId)}.partial`
      writeFileSync(partial, JSON.stringify({ reason }))
      // Not secret; the agent may run as another user than the operator's.
      chmodSync(partial, 0o644)
      renameSync(partial, fileOf(leaseId))
    },
    remove: (leaseId) => {
      const there = names().includes(`${leaseId.toLowerCase()}.json`)
      rmSync(fileOf(leaseId), { force: true })
      return there
    },
  }
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // the schema refuses it with the one word for all damaged files
  }
}
