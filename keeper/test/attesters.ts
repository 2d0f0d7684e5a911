// Keepers that are attesters, on a chain that began in the past, with books of beats as a life before would have left.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import { slotAt } from '@decloud/protocol/wire/heartbeat'
import { ATTESTERS, type Local, startLocal } from '../../chain/test/local.ts'
import { makeBeatBooks } from '../src/adapters/beats/books.ts'
import { type Keeper, makeKeeper, parseConfig } from '../src/index.ts'
import { type Harness, keyOf } from './harness.ts'

export const nowSeconds = () => Math.floor(Date.now() / 1_000)

/** The chain's clock lies `seconds` behind this machine's until `catchUp`. */
export const startPastLocal = async (seconds: number) => {
  const local = await startLocal({ timestamp: nowSeconds() - seconds })
  const catchUp = async () => {
    const { timestamp } = await local.anvil.client.getBlock()
    await local.anvil.moveTime(nowSeconds() - Number(timestamp))
  }
  return { ...local, catchUp }
}

/** What a keeper has heard in [from, to), unix seconds: `silent` says which beats of which node it has not. */
export type Past = {
  from: number
  to: number
  nodes: readonly number[]
  silent(node: number, slot: number): boolean
  /** Slots in which the keeper itself was away. */
  deaf?(slot: number): boolean
}

export const writePast = (dataDir: string, past: Past): void => {
  mkdirSync(dataDir, { recursive: true })
  const db = openDatabase(join(dataDir, 'local.sqlite'))
  const slots = Array.from({ length: slotAt(past.to) - slotAt(past.from) }, (_, i) => slotAt(past.from) + i)
  const listened = slots.filter((slot) => past.deaf?.(slot) !== true)
  const heard = new Map(
    past.nodes.map((node) => [node, listened.filter((slot) => !past.silent(node, slot))] as const),
  )
  makeBeatBooks(db).write({ heard, listened, newest: [] })
  db.close()
}

/** A keeper with the key of the `nth` attester, on a folder of its own or a given one. */
export const makeAttesters = (local: Local, harness: Harness) => {
  const keepers: Keeper[] = []
  const boot = async (nth: number, dataDir: string): Promise<Keeper> => {
    const config = parseConfig({
      ...harness.raw({ dataDir }),
      gossip: { attestEverySeconds: 86_400, creditEverySeconds: 86_400 },
    })
    const keeper = await makeKeeper({ config, key: { privateKey: keyOf(local, ATTESTERS[nth]!) } })
    keepers.push(keeper)
    await keeper.synced()
    return keeper
  }
  const close = async () => {
    for (const keeper of keepers.splice(0)) await keeper.close()
  }
  return { boot, close }
}
