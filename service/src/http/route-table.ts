// Every route, as it was registered: for 405, for the document, and for tests that walk them all.
import type { FastifyContextConfig, FastifyInstance } from 'fastify'
import { z } from 'zod'

/** A media type, and what is sent under it. */
type Streams = { type: string; description: string }

export type RouteEntry = {
  method: string
  /** With `:names`. */
  url: string
  /** Codes of the problems that only this route answers with. */
  problems: readonly string[]
  /** What its answer is where it is no JSON. */
  streams: Streams | null
  /** Schemas of its answers, by status. */
  answers: Readonly<Record<string, z.ZodType>>
  /** As it was registered with. */
  config: Readonly<FastifyContextConfig>
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Codes of the problems that this route may answer with, besides those of every route. */
    problems?: readonly string[]
    /** Asks a wallet, the chain or the disk: counted against the smaller allowance. */
    costly?: boolean
    /** The answer is text of this type, sent as it is made. */
    streams?: Streams
  }
}

const patternOf = (url: string) =>
  new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z]+/g, '[^/]+')}/?$`)

export const makeRouteTable = (app: FastifyInstance) => {
  const entries: (RouteEntry & { pattern: RegExp })[] = []
  app.addHook('onRoute', ({ method, url, config, schema }) => {
    const answers = Object.entries(schema?.response ?? {}).filter(
      (entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType,
    )
    for (const one of [method].flat()) {
      entries.push({
        ...{ method: one, url, pattern: patternOf(url) },
        ...{ problems: config?.problems ?? [], streams: config?.streams ?? null },
        answers: Object.fromEntries(answers),
        config: config ?? {},
      })
    }
  })
  return {
    entries: (): readonly RouteEntry[] => entries,
    methodsAt: (path: string): string[] => [
      ...new Set(entries.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)),
    ],
  }
}
export type RouteTable = ReturnType<typeof makeRouteTable>
