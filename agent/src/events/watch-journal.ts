// Every transaction of this node: what it was for, what became of it, what it cost.
import type { Journal } from '@decloud/chain'
import { DecloudError, sentenceOf } from '@decloud/protocol'
import { type Hex, isHex } from 'viem'
import type { EventLog } from '../ports/events.ts'
import { makeOnceIn } from './once-in.ts'

/** What fails is tried again within seconds, for hours if need be. */
const AGAIN_MS = 10 * 60_000

const leaseIn = (dedupe: string): Hex | null => {
  const found = /0x[0-9a-f]{64}/.exec(dedupe)?.[0]
  return found !== undefined && isHex(found) ? found : null
}

/** The same journal, every end of a transaction recorded. */
export const recordJournal = (journal: Journal, events: EventLog, nowMs: () => number): Journal => {
  const isNews = makeOnceIn(AGAIN_MS, nowMs)
  return {
    ...journal,
    send: async (intent, options) => {
      const { kind, dedupe } = intent
      const leaseId = leaseIn(dedupe)
      try {
        const mined = await journal.send(intent, options)
        const { hash, blockNumber, gasUsed, effectiveGasPrice } = mined
        const details = { kind, dedupe, hash, blockNumber, gasUsed, wei: gasUsed * effectiveGasPrice }
        events.record({ kind: 'transaction.mined', leaseId, message: `${kind} is mined`, details })
        return mined
      } catch (error) {
        const code = error instanceof DecloudError ? error.code : 'unknown'
        if (code !== 'journal-closed' && isNews(`${dedupe} ${code}`)) {
          const message = `${kind}: ${sentenceOf(error)}`
          // Refused in a simulation: nothing was sent, no gas is lost; mostly somebody was first.
          const what = code === 'simulation-reverted' ? 'refused' : 'failed'
          events.record({ kind: `transaction.${what}`, leaseId, message, details: { kind, dedupe, code } })
        }
        throw error
      }
    },
  }
}
