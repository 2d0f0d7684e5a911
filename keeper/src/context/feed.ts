// What the keeper reads from: its databases, the feed that fills one of them, and the views of it.
import { join } from 'node:path'
import { type Chain, makeFollower, openDatabase } from '@decloud/chain'
import { readMinimumStake } from '../adapters/chain/stake.ts'
import { bindStore } from '../adapters/store/identity.ts'
import { makeLedger } from '../adapters/store/ledger.ts'
import { makeMarket } from '../adapters/store/market/market.ts'
import { openPicture } from '../adapters/store/picture.ts'
import { makeLedgerProjector } from '../adapters/store/projector.ts'
import type { KeeperConfig } from '../config/config.ts'
import { VERSION } from '../version.ts'

export type OnClose = (cleanup: () => Promise<unknown> | unknown) => void

/** @throws DecloudError those of `openDatabase`, `store-foreign`, and of the chain. */
export const openFeed = async (
  { dataDir, deployment, pollMs, api }: KeeperConfig,
  chain: Chain,
  onError: (error: unknown) => void,
  onClose: OnClose,
) => {
  // The first can be deleted at any time and is read from the chain again. The second holds what only this keeper knows:
  // what it means to send and what it was told. Losing it costs nobody money.
  const db = openDatabase(join(dataDir, 'keeper.sqlite'))
  onClose(() => db.close())
  const local = openDatabase(join(dataDir, 'local.sqlite'))
  onClose(() => local.close())
  bindStore(local, deployment, VERSION)
  const { projector, refoldAll } = makeLedgerProjector(deployment, { auditors: api.auditors })
  const follower = makeFollower({
    ...{ chain, db, projectors: [projector], onError },
    ...(pollMs === undefined ? {} : { pollMs }),
  })
  onClose(() => follower.close())
  const minimumStake = await readMinimumStake(chain)
  const time = () => Number(follower.health().cursor?.timestamp ?? 0n)
  return {
    db,
    local,
    follower,
    // After the follower: it has made the tables.
    ledger: makeLedger(db),
    market: makeMarket(db, { deployment, minimumStake, time }),
    /** Folds every table anew from the stored logs. */
    refold: () => refoldAll(db),
    /** The tables as they stand at this moment, on a connection of their own. @param at unix seconds of their block. */
    openPicture: (at: bigint) => openPicture(db.name, { deployment, minimumStake, time: Number(at) }),
  }
}
export type Feed = Awaited<ReturnType<typeof openFeed>>
