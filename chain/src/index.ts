export type { Chain, ConnectOptions, RpcClient } from './connect-types.ts'
export { ChainError, isRetryable, RevertError } from './errors.ts'
export type { BlockRef, FeedChange, FeedHealth, FeedState, Follower, Projector } from './follow/types.ts'
export type { Intent, IntentRecord, IntentState, Journal, Mined } from './journal/types.ts'
// makeFollower({ chain, db, projectors, … }): Follower · makeJournal({ chain, db, account, … }): Journal
// connect(options): Promise<Chain> · loadKey({ keystore, password } | { privateKey }): LocalAccount
// openDatabase(path): Database · storedEvents(db, deployment, { contract, topic1 }): ProtocolEvent[]
