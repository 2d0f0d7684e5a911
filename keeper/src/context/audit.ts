// How the tables are held against contract storage, and the outcome kept.
import type { Chain } from '@decloud/chain'
import { makeContractStorage } from '../adapters/chain/storage.ts'
import type { Log } from '../ports/log.ts'
import { type Audit, makeAuditor } from '../services/auditor.ts'
import type { Feed } from './feed.ts'
import type { Operations } from './operations.ts'

export const auditOf = (deps: {
  chain: Chain
  feed: Feed
  operations: Pick<Operations, 'audits'>
  /** After the tables were folded anew. */
  onRefold(): void
  log: Log
}) => {
  const { chain, feed, operations, onRefold, log } = deps
  const { follower } = feed
  const refold = () => {
    feed.refold()
    onRefold()
  }
  const auditor = makeAuditor({
    ...{ deployment: chain.deployment, follower, storage: makeContractStorage(chain), log, refold },
    openPicture: ({ timestamp }) => feed.openPicture(timestamp),
  })
  return async (scope?: 'open' | 'all'): Promise<Audit> => {
    const found = await auditor.audit(scope)
    const { outcome, height, differences } = found
    operations.audits.record({
      at: Math.floor(Date.now() / 1_000),
      outcome,
      height: height === null ? null : Number(height),
      differences: differences.length,
    })
    return found
  }
}
