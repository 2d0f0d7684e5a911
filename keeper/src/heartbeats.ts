// The part of the composition root that has to do with beats: hears them, keeps the books, attests, votes for credits.
import type { Chain, Follower, Journal } from '@decloud/chain'
import type { Gossip, Verdict } from '@decloud/gossip'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import type { Beat } from '@decloud/protocol/wire/heartbeat'
import type { Metrics } from '@decloud/service/metrics'
import type { Database } from 'better-sqlite3'
import { makeBeatBooks } from './adapters/beats/books.ts'
import { makeBeatHistory } from './adapters/beats/history.ts'
import { openGossip } from './adapters/gossip/gossip.ts'
import { watchBeats } from './adapters/metrics/beats.ts'
import type { KeeperConfig } from './config/config.ts'
import type { Rounds } from './context/operations.ts'
import { clocksAgree } from './domain/ear.ts'
import type { Ledger } from './ports/ledger.ts'
import type { Liveness } from './ports/liveness.ts'
import type { Log } from './ports/log.ts'
import { type Attested, makeAttestation } from './services/attestation.ts'
import { type Admission, makeBeats } from './services/beats.ts'
import { makeCredits, type Voted } from './services/credits.ts'
import { makeLiveness } from './services/liveness.ts'

export type HeartbeatsDeps = {
  config: KeeperConfig
  chain: Chain
  /** Of the feed. */
  db: Database
  /** Of this keeper alone. */
  local: Database
  follower: Follower
  ledger: Ledger
  /** Absent without a key: beats are heard, and nothing is said on chain. */
  journal: Journal | null
  rounds: Pick<Rounds, 'every' | 'signal'>
  metrics: Metrics
  log: Log
}

export type Heartbeats = {
  liveness: Liveness
  /** The newest beat of a node; null before the first. */
  report(node: number): Beat | null
  /** Takes a beat that came over HTTP, and tells the others. @throws DecloudError as `Beats.admit`. */
  post(message: Uint8Array): Promise<Admission>
  /** Where agents and other keepers reach this one's gossip. */
  addresses(): readonly string[]
  /** Peers that hear the beats of this deployment. */
  listeners(): number
  /** A round now, besides the regular ones; null without a key, or without such a contract. */
  attest(): Promise<Attested | null>
  credit(): Promise<Voted | null>
  close(): Promise<void>
}

const STEP_MS = 1_000
const WRITE_MS = 5_000
/** Its time is moved by tests: there the machine's clock is believed alone. */
const DEVELOPMENT_CHAIN = 31_337

/** What only a dishonest or broken peer can have passed on. */
const BLAMED = new Set(['beat-oversized', 'beat-malformed', 'beat-not-agents'])

/** @throws DecloudError those of `openGossip`. Nothing is left running then. */
export const startHeartbeats = async (deps: HeartbeatsDeps): Promise<Heartbeats> => {
  const { config, db, local, follower, ledger, journal, rounds, log } = deps
  const { deployment } = config
  const onError = (error: unknown) => log.warn({ code: codeOf(error) }, sentenceOf(error))
  const books = makeBeatBooks(local)
  const history = makeBeatHistory(db, deployment)
  const trusted = () => isTrusted(follower, deployment.chainId, Date.now())
  const beats = makeBeats({
    ...{ books, log, trusted, now: Date.now },
    scope: { chainId: deployment.chainId, nodeRegistry: deployment.nodeRegistry },
    node: (node) => ledger.node(node),
    steady: () => performance.now(),
  })
  const admit = watchBeats(deps.metrics, beats.admit)
  const gossip = await openGossip({
    ...{ config: config.gossip, dataDir: config.dataDir, topic: beats.topic, onError },
    ear: (message) => judge(admit(message)),
  })
  deps.metrics.watch('gossip_listeners', 'Connected peers that hear the beats.', () => gossip.listeners())
  const voices = journal && makeVoices({ ...deps, journal, trusted, books, history, signal: rounds.signal })
  if (voices !== null) speak(config, voices, rounds)
  const stepping = setInterval(beats.step, STEP_MS)
  const writing = setInterval(beats.write, WRITE_MS)
  log.info({ peer: gossip.peerId, addresses: gossip.addresses() }, 'hearing beats')
  return {
    liveness: makeLiveness({ beats, books, history }),
    report: beats.newest,
    post: (message) => postTo(gossip, admit, message, onError),
    addresses: () => gossip.addresses(),
    listeners: () => gossip.listeners(),
    attest: async () => voices?.attestation?.round() ?? null,
    credit: async () => voices?.credits.round() ?? null,
    close: async () => {
      clearInterval(stepping)
      clearInterval(writing)
      await gossip.close()
      beats.write()
    },
  }
}

/** Whether silence means anything now: the feed is live, and this machine's clock is the chain's. */
const isTrusted = (follower: Follower, chainId: number, nowMs: number): boolean => {
  const { state, head } = follower.health()
  if (state !== 'live' || head === null) return false
  return chainId === DEVELOPMENT_CHAIN || clocksAgree(nowMs / 1_000, Number(head.timestamp))
}

const judge = async (admission: Promise<Admission>): Promise<Verdict> => {
  try {
    return (await admission) === 'accepted' ? 'accept' : 'ignore'
  } catch (error) {
    if (!(error instanceof DecloudError)) throw error
    return BLAMED.has(error.code) ? 'reject' : 'ignore'
  }
}

const postTo = async (
  gossip: Gossip,
  admit: (message: Uint8Array) => Promise<Admission>,
  message: Uint8Array,
  onError: (error: unknown) => void,
): Promise<Admission> => {
  const admission = await admit(message)
  // It counts here whether or not the others can be told.
  if (admission === 'accepted') gossip.publish(message).catch(onError)
  return admission
}

/** What an attester says on chain. */
const makeVoices = (deps: {
  config: KeeperConfig
  chain: Chain
  follower: Follower
  ledger: Ledger
  journal: Journal
  books: ReturnType<typeof makeBeatBooks>
  history: ReturnType<typeof makeBeatHistory>
  trusted: () => boolean
  log: Log
  signal: AbortSignal
}) => {
  const { config, chain, follower, ledger, journal, books, history, trusted, log, signal } = deps
  const { reputation, downtimeQuorum } = config.deployment
  const shared = { chain, follower, journal, books, history, log, signal, now: Date.now }
  const nodes = () => ledger.nodes().map(({ node }) => node)
  const leases = () => ledger.openLeases()
  return {
    attestation: reputation === undefined ? null : makeAttestation({ ...shared, reputation, nodes }),
    credits: makeCredits({ ...shared, quorum: downtimeQuorum, leases, trusted }),
  }
}

const speak = (
  { gossip }: KeeperConfig,
  { attestation, credits }: ReturnType<typeof makeVoices>,
  rounds: Pick<Rounds, 'every'>,
) => {
  rounds.every('credits', gossip.creditEverySeconds * 1_000, credits.round)
  if (attestation !== null) rounds.every('attestation', gossip.attestEverySeconds * 1_000, attestation.round)
}

const codeOf = (error: unknown) => (error instanceof DecloudError ? error.code : 'unknown')
