// Signs what was found out when it changes, keeps the statement, and tells it to every keeper until each has taken it.
import { sentenceOf } from '@decloud/protocol'
import type { NodeFacts, SignedFacts } from '@decloud/protocol/wire/facts'
import { BACKOFF, backoffMs } from '../lib/backoff.ts'
import { pause } from '../lib/pause.ts'
import type { Log } from '../reconcile/ports.ts'
import { type Found, saysTheSame, statementOf } from './statement.ts'

export type HeraldDeps = {
  readonly node: number
  readonly version: string
  /** As it is kept now: a command may have written it since. */
  readonly found: () => Found
  readonly kept: { newest(): SignedFacts | null; put(signed: SignedFacts): void }
  readonly sign: (facts: NodeFacts) => Promise<SignedFacts>
  /** Whether a kept statement is still one of this agent's, for this deployment. */
  readonly isOwn: (signed: SignedFacts) => Promise<boolean>
  readonly keepers: readonly string[]
  readonly send: (keeperUrl: string, signed: SignedFacts, signal: AbortSignal) => Promise<void>
  readonly log: Log
  readonly nowMs: () => number
  readonly random: () => number
  /** Between looks at whether anything changed. */
  readonly lookMs?: number
}

const LOOK_MS = 15_000
/** A keeper may have lost what it was told: it hears it again. */
const AGAIN_MS = 24 * 3_600_000
/** The longest pause after refusals: a keeper that cannot verify yet (its index is behind) can later. */
const PATIENCE = { ...BACKOFF, baseMs: 5_000, capMs: 15 * 60_000 }

type Told = { signature: string; againMs: number; failures: number }

export type Herald = {
  /** The newest statement; null until the first one is signed. */
  statement(): SignedFacts | null
  close(): Promise<void>
}

/** Starts looking. */
export const startHerald = (deps: HeraldDeps): Herald => {
  const { kept, keepers, log, nowMs, random, lookMs = LOOK_MS } = deps
  const stop = new AbortController()
  const told = new Map<string, Told>()
  // Within one process neither key nor deployment changes: only what an earlier one has left is asked for its signer.
  let current: SignedFacts | null = null

  const renewed = async (): Promise<SignedFacts> => {
    const former = current ?? kept.newest()
    const facts = statementOf(deps.node, deps.version, deps.found(), Math.floor(nowMs() / 1_000))
    const stands = former !== null && (former === current || (await deps.isOwn(former)))
    if (stands && saysTheSame(former.facts, facts)) return former
    // A clock that was set back would make the newer statement the older one.
    const signedAt = Math.max(facts.signedAt, (former?.facts.signedAt ?? 0) + 1)
    const signed = await deps.sign({ ...facts, signedAt })
    kept.put(signed)
    log.info({ signedAt }, 'what this node is has been signed anew')
    return signed
  }

  const tell = async (url: string, signed: SignedFacts) => {
    const last = told.get(url)
    const isNews = last?.signature !== signed.signature
    if (!isNews && nowMs() < last.againMs) return
    const { signature } = signed
    try {
      await deps.send(url, signed, stop.signal)
      told.set(url, { signature, againMs: nowMs() + AGAIN_MS, failures: 0 })
    } catch (error) {
      if (stop.signal.aborted) return
      const failures = (isNews ? 0 : last.failures) + 1
      told.set(url, { signature, failures, againMs: nowMs() + backoffMs(failures, random(), PATIENCE) })
      const keeper = new URL(url).host
      log.warn({ keeper, detail: sentenceOf(error) }, 'a keeper did not take what this node says of itself')
    }
  }

  const look = async () => {
    try {
      const signed = await renewed()
      current = signed
      await Promise.all(keepers.map((url) => tell(url, signed)))
    } catch (error) {
      log.warn({ detail: sentenceOf(error) }, 'what this node is cannot be signed now')
    }
  }

  const loop = async () => {
    while (!stop.signal.aborted) {
      await look()
      await pause(lookMs, stop.signal)
    }
  }
  const running = loop()
  return {
    statement: () => current,
    close: async () => {
      stop.abort()
      await running
    },
  }
}
