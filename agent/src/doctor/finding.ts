import { DecloudError, sentenceOf } from '@decloud/protocol'
import type { Finding as Shared } from '@decloud/service/doctor'
import { AgentError } from '../lib/errors.ts'

export type Finding = {
  /** What was looked at. */
  readonly check: string
  /** `warn`: worth knowing; `fail`: it does not work until somebody acts; `unknown`: it could not be looked at. */
  readonly level: 'ok' | 'warn' | 'fail' | 'unknown'
  /** Stable, for programs. */
  readonly code: string
  readonly found: string
  /** Empty when there is nothing to do. */
  readonly todo: string
}

export const ok = (check: string, found: string): Finding => ({
  ...{ check, level: 'ok', code: 'ok', found, todo: '' },
})
export const warn = (check: string, code: string, found: string, todo: string): Finding => ({
  ...{ check, level: 'warn', code, found, todo },
})
export const fail = (check: string, code: string, found: string, todo: string): Finding => ({
  ...{ check, level: 'fail', code, found, todo },
})
export const unknown = (check: string, code: string, found: string, todo = ''): Finding => ({
  ...{ check, level: 'unknown', code, found, todo },
})

const LEVELS = { ok: 'ok', note: 'warn', fault: 'fail' } as const
export const fromShared = (finding: Shared): Finding => ({ ...finding, level: LEVELS[finding.level] })

/** Something else has to be right first, and is named by a finding of its own. */
export class NotLooked extends AgentError {
  constructor(why: string) {
    super('not-looked', `Not looked at: ${why}.`)
  }
}

/** A check that could not be made says nothing about what it was to look at. */
export const unmade = (check: string, error: unknown): Finding => {
  const code = error instanceof DecloudError ? error.code : 'check-failed'
  const hint = error instanceof DecloudError ? error.hint : ''
  return unknown(check, code, error instanceof DecloudError ? error.message : sentenceOf(error), hint)
}
