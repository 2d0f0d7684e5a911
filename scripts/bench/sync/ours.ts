// A keeper's feed with an empty database: logs, cursor and every table of the market, until the head.
import { connect, makeFollower, openDatabase } from '@decloud/chain'
import { makeLedgerProjector } from '../../../keeper/src/adapters/store/projector.ts'
import { runSide } from './side.ts'

const DEADLINE_MS = 900_000

await runSide(async ({ rpcUrl, deployment, file, height }) => {
  const chain = await connect({ urls: [rpcUrl], deployment, timeoutMs: 60_000 })
  const db = openDatabase(file)
  const { projector } = makeLedgerProjector(deployment)
  const follower = makeFollower({ chain, db, projectors: [projector] })
  try {
    follower.start()
    await follower.synced({ height: BigInt(height), deadlineMs: DEADLINE_MS })
    return db.prepare('SELECT count(*) FROM feed_logs').pluck().get() as number
  } finally {
    await follower.close()
    db.close()
  }
})
