export { type Chain, type ConnectOptions, connect, makeChain, type RpcClient } from './connect.ts'
export { ChainError, isRetryable, RevertError } from './errors.ts'
export { type FollowerOptions, makeFollower } from './follow/follower.ts'
export type { LogFilter } from './follow/log-store.ts'
export { type EventReader, makeEventReader } from './follow/stored-events.ts'
export type { BlockRef, FeedChange, FeedHealth, FeedState, Follower, Projector } from './follow/types.ts'
export type { Intent, IntentRecord, IntentState, Journal, Mined } from './journal/types.ts'
export { migrate, openDatabase } from './store.ts'
// To come: makeJournal({ chain, db, account, … }): Journal · loadKey({ keystore, password } | …): LocalAccount
