// Sends generated requests to every operation of a keeper's document and judges each answer.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import fc from 'fast-check'
import { makeJudge } from './judge.ts'
import { type Known, type Operation, type Request, type Route, requestsOf } from './requests.ts'
import { makeSender } from './send.ts'

export type FuzzOptions = {
  seed: number
  /** To each operation. */
  requests: number
  /** Only operations whose "method path" contains it. */
  only?: string
  onProgress(line: string): void
}

type Failure = { route: string; nth: number; request: Request; what: string }
export type FuzzResult = {
  routes: number
  requests: number
  failures: Failure[]
  /** Of the server after a collection, bytes: after each operation. */
  heap: number[]
  byStatus: Record<string, number>
}

/** As many as a sponsor looks at; more of its requests would be turned away for their number alone. */
const AT_ONCE = 8
const BATCH = 200
const MOST_FAILURES = 20

type Said = { kind: string; url: string; known: Known; token: string; bytes: number; message: string }

const startKeeper = async () => {
  const child = fork(new URL('./keeper-process.ts', import.meta.url), { execArgv: ['--expose-gc'] })
  const up = await said(child, 'up')
  const ask = async (question: string, kind: string) => {
    const answer = said(child, kind)
    child.send(question)
    return answer
  }
  return {
    url: up.url,
    known: up.known,
    token: async () => (await ask('token', 'token')).token,
    heap: async () => (await ask('heap', 'heap')).bytes,
    isUp: () => child.exitCode === null && child.signalCode === null,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.send('stop')
      await ended
    },
  }
}

const said = (child: ChildProcess, kind: string): Promise<Said> =>
  new Promise((resolve, reject) => {
    const onExit = () => reject(new Error(`the keeper ended before it said "${kind}"`))
    const onMessage = (message: Said) => {
      if (message.kind !== kind && message.kind !== 'failed') return
      child.off('exit', onExit)
      child.off('message', onMessage)
      if (message.kind === 'failed') reject(new Error(message.message))
      else resolve(message)
    }
    child.once('exit', onExit)
    child.on('message', onMessage)
  })

type Document = { paths: Record<string, Record<string, Operation>> }

const routesOf = ({ paths }: Document, only = ''): Route[] =>
  Object.entries(paths)
    .flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ method, path, operation })),
    )
    .filter((route) => nameOf(route).includes(only))

const nameOf = ({ method, path }: Pick<Route, 'method' | 'path'>) => `${method} ${path}`

/** Another seed for each operation and batch, so that each can be made again alone. */
const seedOf = (seed: number, name: string, batch: number) => {
  let hash = seed ^ (batch * 0x9e3779b1)
  for (const character of name) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return hash | 0
}

/** The requests of one operation, `BATCH` at a time; the same for the same seed. */
function* batchesOf(route: Route, known: Known, { seed, requests }: Pick<FuzzOptions, 'seed' | 'requests'>) {
  const arbitrary = requestsOf(route, known)
  for (let done = 0; done < requests; done += BATCH) {
    const numRuns = Math.min(BATCH, requests - done)
    yield fc.sample(arbitrary, { seed: seedOf(seed, nameOf(route), done), numRuns })
  }
}

export const fuzzApi = async (options: FuzzOptions): Promise<FuzzResult> => {
  const keeper = await startKeeper()
  const sender = makeSender(keeper.url)
  try {
    const document = (await (await fetch(`${keeper.url}/openapi.json`)).json()) as Document
    const judge = makeJudge(document)
    const routes = routesOf(document, options.only)
    const result: FuzzResult = { routes: routes.length, requests: 0, failures: [], heap: [], byStatus: {} }

    const one = async (route: Route, request: Request, nth: number, token: string) => {
      result.requests += 1
      // Signing out would close the door for all that follow.
      const signed = route.path !== '/api/session/logout' || nth % 100 === 99
      const answer = await sender.send(
        request.kind === 'http' ? { ...request, signedIn: request.signedIn && signed } : request,
        token,
      )
      result.byStatus[answer.status] = (result.byStatus[answer.status] ?? 0) + 1
      const what = answer.status === 0 ? null : judge(route, request, answer)
      if (what !== null) result.failures.push({ route: nameOf(route), nth, request, what })
    }

    for (const route of routes) {
      let nth = 0
      for (const batch of batchesOf(route, keeper.known, options)) {
        const token = route.operation.security === undefined ? '' : await keeper.token()
        const queue = batch.map((request) => ({ request, nth: nth++ }))
        await Promise.all(
          Array.from({ length: AT_ONCE }, async () => {
            for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
              await one(route, next.request, next.nth, token)
            }
          }),
        )
        if (!keeper.isUp()) throw new Error(`the keeper died of ${nameOf(route)}`)
        if (result.failures.length >= MOST_FAILURES) return result
      }
      result.heap.push(await keeper.heap())
      options.onProgress(
        `${nameOf(route)}: ${nth} requests, heap ${Math.round((result.heap.at(-1) ?? 0) / 1e5) / 10} MB`,
      )
    }
    return result
  } finally {
    sender.close()
    await keeper.stop()
  }
}
