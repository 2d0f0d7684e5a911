// How a beat gets to the keepers: by gossip where somebody hears it, else by HTTP to one keeper, which tells the others.
import { setTimeout as delay } from 'node:timers/promises'
import type { Gossip } from '@decloud/gossip'
import { sentenceOf } from '@decloud/protocol'
import { z } from 'zod'
import { AgentError } from '../lib/errors.ts'

export type Way = 'gossip' | 'http'
export type Carrier = {
  /**
   * @returns the way it went.
   * @throws AgentError `beat-undelivered` when nobody took it, `beat-refused` when a keeper says that it is wrong.
   */
  carry(message: Uint8Array, signal: AbortSignal): Promise<Way>
}

export type CarrierOptions = {
  gossip: Pick<Gossip, 'listeners' | 'publish'> | null
  /** Keepers' HTTP addresses, in order of preference. */
  urls: readonly string[]
  /** Milliseconds to wait for a peer that hears; 3,000 by default. */
  patienceMs?: number
  /** Milliseconds for one keeper to answer; 4,000 by default. */
  answerMs?: number
}

const PATIENCE_MS = 3_000
const ANSWER_MS = 4_000
const POLL_MS = 100

const problemSchema = z.object({ code: z.string(), detail: z.string().optional() })

export const makeCarrier = ({ gossip, urls, ...options }: CarrierOptions): Carrier => {
  const { patienceMs = PATIENCE_MS, answerMs = ANSWER_MS } = options
  // The keeper that answered last is asked first.
  let preferred = 0

  const byGossip = async (message: Uint8Array, signal: AbortSignal): Promise<boolean> => {
    if (gossip === null) return false
    const end = performance.now() + patienceMs
    while (gossip.listeners() === 0 && performance.now() < end) await delay(POLL_MS, undefined, { signal })
    return (await gossip.publish(message)) > 0
  }

  return {
    carry: async (message, signal) => {
      let failure: unknown
      try {
        if (await byGossip(message, signal)) return 'gossip'
      } catch (error) {
        // HTTP may still work; if it does not, this is why.
        failure = error
      }
      for (let i = 0; i < urls.length && !signal.aborted; i++) {
        const at = (preferred + i) % urls.length
        try {
          await post(urls[at]!, message, AbortSignal.any([signal, AbortSignal.timeout(answerMs)]))
          preferred = at
          return 'http'
        } catch (error) {
          if (error instanceof AgentError && error.code === 'beat-refused') throw error
          failure = error
        }
      }
      throw new AgentError('beat-undelivered', 'No keeper took the beat.', {
        hint: 'Guests are not affected. Check the addresses of the keepers, and the way to them.',
        cause: failure,
      })
    },
  }
}

/** @throws AgentError `beat-refused`, or whatever kept the request from being answered. */
const post = async (url: string, message: Uint8Array, signal: AbortSignal): Promise<void> => {
  const response = await fetch(new URL('/api/heartbeats', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: new TextDecoder().decode(message),
    signal,
  })
  const body = await response.text()
  if (response.ok) return
  const problem = problemSchema.safeParse(jsonOf(body))
  const { code, detail } = problem.success
    ? problem.data
    : { code: `http-${response.status}`, detail: undefined }
  const refused = code.startsWith('beat-')
  throw new AgentError(
    refused ? 'beat-refused' : 'beat-unanswered',
    `The keeper at ${new URL(url).host} ${refused ? 'refused the beat' : 'did not take the beat'}: ${detail ?? code}`,
    { details: { code } },
  )
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    return { detail: sentenceOf(error) } // no problem document: the status speaks for itself
  }
}
