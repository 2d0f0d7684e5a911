// The part of the composition root that serves: adapters of the API, its server, and their end.
import { type Chain, type Follower, makePositions } from '@decloud/chain'
import { DecloudError } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import type { FastifyBaseLogger } from 'fastify'
import { makeSignatureCheck } from '../adapters/chain/signatures.ts'
import { makeSimulate } from '../adapters/chain/simulate.ts'
import { makeRepairBook } from '../adapters/store/repairs.ts'
import { makeSeries } from '../adapters/store/series.ts'
import { makeSessionStore } from '../adapters/store/sessions.ts'
import { makeAnswers, type Versions } from '../api/answers.ts'
import type { ApiDeps } from '../api/deps.ts'
import { COMMON_HEADERS } from '../api/headers.ts'
import { makeLimits } from '../api/limits.ts'
import { makeServer } from '../api/server.ts'
import type { KeeperConfig } from '../config/config.ts'
import { signInNames } from '../config/sign-in.ts'
import { hearsNothing, type Liveness } from '../ports/liveness.ts'
import { heardNoReadiness, type Readiness } from '../ports/readiness.ts'
import { makeCatalogue } from '../services/catalogue.ts'
import { makeLive } from '../services/live.ts'
import { makeSessions } from '../services/sessions.ts'

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

export type ApiParts = Omit<ApiDeps, Own | 'follower'> & {
  config: KeeperConfig
  chain: Chain
  db: Database
  local: Database
  follower: Pick<Follower, 'health' | 'onChange'>
  log: FastifyBaseLogger
  liveness?: Liveness
  readiness?: Readiness
}

export const makeApi = async (parts: ApiParts) => {
  const {
    config,
    chain,
    db,
    local,
    log,
    liveness = hearsNothing,
    readiness = heardNoReadiness,
    ...given
  } = parts
  const { market, follower } = given
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
  let url = ''
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
    repairs: makeRepairBook(local),
    series: makeSeries(db, deployment),
    simulate: makeSimulate(chain),
    answers: makeAnswers({ versions, maxBytes: cacheBytes, headers: COMMON_HEADERS }),
    limits: makeLimits(config.api),
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
      await app.close()
    },
  }
}

const listen = async (
  app: Awaited<ReturnType<typeof makeServer>>,
  { host, port }: KeeperConfig,
): Promise<string> => {
  try {
    return await app.listen({ host, port })
  } catch (cause) {
    const { code } = cause as { code?: string }
    if (code === 'EADDRINUSE') {
      throw new DecloudError('port-occupied', `Port ${port} on ${host} is in use by another process.`, {
        hint: 'Stop that process, or give this one another port (0 takes any free one).',
        cause,
      })
    }
    throw new DecloudError('listen-failed', `Cannot listen on ${host}:${port} (${code ?? 'unknown'}).`, {
      hint: 'Check the host and that this user may use the port.',
      cause,
    })
  }
}
