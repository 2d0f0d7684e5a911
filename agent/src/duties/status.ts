// How the duties are doing, for whoever asks the agent.
import { sentenceOf } from '@decloud/protocol'
import { z } from 'zod'
import type { Duty } from './ports.ts'

/** Why a duty rests: switched off, the feed is not current, or no gas coin is left. */
const HELD = ['off', 'feed', 'gas-funds', 'not-operator'] as const
export type Held = (typeof HELD)[number]

const dutySchema = z.strictObject({
  held: z.enum(HELD).nullable(),
  /** Transactions that had their effect since the agent started. */
  done: z.int(),
  /** What somebody else did first, or the contract would not take. */
  left: z.int(),
  /** Of the last round; null when it went well. */
  error: z.string().nullable(),
})

export const dutiesSchema = z.strictObject({
  claim: dutySchema,
  upkeep: dutySchema,
  credit: dutySchema,
  reclaim: dutySchema,
})
export type DutiesReport = z.output<typeof dutiesSchema>

export const makeDutyStatus = () => {
  const fresh = () => ({ held: null, done: 0, left: 0, error: null })
  const report: DutiesReport = { claim: fresh(), upkeep: fresh(), credit: fresh(), reclaim: fresh() }
  return {
    read: (): DutiesReport => structuredClone(report),
    done: (duty: Duty) => {
      report[duty].done += 1
    },
    left: (duty: Duty) => {
      report[duty].left += 1
    },
    round: (duty: Duty, outcome: { held?: Held; error?: unknown }): boolean => {
      const error = outcome.error === undefined ? null : sentenceOf(outcome.error)
      const held = outcome.held ?? null
      const isNews = report[duty].error !== error || report[duty].held !== held
      report[duty] = { ...report[duty], held, error }
      return isNews
    },
  }
}
export type DutyStatus = ReturnType<typeof makeDutyStatus>
