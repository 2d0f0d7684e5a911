// The part of the composition root that serves: adapters of the API, its server, and their end.
import { type Chain, type Follower, makePositions } from '@decloud/chain'
import { SLOT_SECONDS } from '@decloud/protocol/wire/heartbeat'
import { makeSessionStore, makeSessions, makeSignatureCheck } from '@decloud/service/sign-in'
import type { Database } from 'better-sqlite3'
import type { FastifyBaseLogger } from 'fastify'
import { makeSimulate } from '../adapters/chain/simulate.ts'
import { makeFactsStore } from '../adapters/facts/store.ts'
import { makeRepairBook } from '../adapters/store/repairs.ts'
import { makeSeries } from '../adapters/store/series.ts'
import { makeAnswers, type Versions } from '../api/answers.ts'
import { closeServer } from '../api/close.ts'
import type { ApiDeps } from '../api/deps.ts'
import { READY_HEADERS } from '../api/headers.ts'
import { makeLimits } from '../api/limits.ts'
import { makeServer } from '../api/server.ts'
import type { KeeperConfig } from '../config/config.ts'
import { signInNames } from '../config/sign-in.ts'
import { listenFailed } from '../lib/listen.ts'
import type { Liveness } from '../ports/liveness.ts'
import type { Readiness } from '../ports/readiness.ts'
import { makeCatalogue } from '../services/catalogue.ts'
import { makeLive } from '../services/live.ts'
import { makeNodeFacts } from '../services/node-facts.ts'

/** What is made here; the rest of `ApiDeps` is given. */
type Own =
  | 'config'
  | 'deployment'
  | 'catalogue'
  | 'sessions'
  | 'live'
  | 'readiness'
  | 'repairs'
  | 'series'
  | 'simulate'
  | 'answers'
  | 'limits'
  | 'auditors'
  | 'nodeFacts'

export type ApiParts = Omit<ApiDeps, Own | 'follower'> & {
  config: KeeperConfig
  chain: Chain
  db: Database
  local: Database
  follower: Pick<Follower, 'health' | 'onChange'>
  log: FastifyBaseLogger
  liveness: Liveness
  /** How long requests under way may take once the API is told to stop. */
  deadlineMs: number
}

export const makeApi = async (parts: ApiParts) => {
  const { config, chain, db, local, log, liveness, deadlineMs, ...given } = parts
  const { market, follower, heartbeats, draining } = given
  const { deployment } = config
  const versions: Versions = { events: 0, block: 0 }
  const unsubscribe = follower.onChange((change) => {
    versions.block += 1
    if (change.kind === 'reverted' || (change.kind === 'applied' && change.events.length > 0))
      versions.events += 1
  })
  const { maxStreams, maxStreamsPerAddress, cacheBytes, auditors } = config.api
  const live = makeLive({
    positions: makePositions(db, deployment),
    onChange: follower.onChange,
    height: () => follower.health().cursor?.height ?? null,
    ...{ maxStreams, maxStreamsPerAddress, log },
  })
  draining.addEventListener('abort', live.close, { once: true })
  const readiness: Readiness = {
    of: (leaseId, node) => {
      const beat = heartbeats.report(node)
      const said = beat?.leases.find((one) => one.leaseId === leaseId.toLowerCase())
      return beat === null || said === undefined
        ? null
        : { heardAt: beat.slot * SLOT_SECONDS, state: said.state }
    },
  }
  let url = ''
  const limits = makeLimits(config.api)
  const deps: ApiDeps = {
    config: config.api,
    ...{ ...given, deployment, live, auditors, readiness },
    catalogue: makeCatalogue({ market, liveness, version: () => versions.events }),
    sessions: makeSessions({
      store: makeSessionStore(local),
      verify: makeSignatureCheck(chain),
      chainId: deployment.chainId,
      ...signInNames(config, () => url),
    }),
    nodeFacts: makeNodeFacts({ deployment, ledger: given.ledger, store: makeFactsStore(local) }),
    repairs: makeRepairBook(local),
    series: makeSeries(db, deployment),
    simulate: makeSimulate(chain),
    answers: makeAnswers({
      ...{ versions, maxBytes: cacheBytes },
      headers: READY_HEADERS,
    }),
    limits,
  }
  const app = await makeServer(deps, log)
  return {
    app,
    live,
    /** @returns the URL it answers at. @throws DecloudError `port-occupied`, `listen-failed`. */
    listen: async (): Promise<string> => {
      url = await listen(app, config)
      return url
    },
    /** After the tables were written by anything but the follower. */
    forget: (): void => {
      versions.events += 1
      versions.block += 1
    },
    close: async (): Promise<void> => {
      unsubscribe()
      // Streams never end by themselves: the server would wait for them.
      live.close()
      await closeServer(app, deadlineMs)
    },
  }
}

type Server = Awaited<ReturnType<typeof makeServer>>

const listen = async (app: Server, { host, port }: KeeperConfig): Promise<string> => {
  try {
    return await app.listen({ host, port })
  } catch (cause) {
    throw listenFailed(cause, { host, port })
  }
}
