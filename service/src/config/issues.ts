// What is wrong with a configuration, in sentences that say what to do. No secret is ever repeated.
import { DecloudError } from '@decloud/protocol'
import type { z } from 'zod'
import { nearest } from './nearest.ts'
import type { Field } from './shape.ts'

export type ConfigIssue = {
  /** The key with dots, a variable's name, or a file's path. */
  at: string
  sentence: string
}

/** Every error of a configuration at once. */
export class ConfigError extends DecloudError {
  readonly issues: readonly ConfigIssue[]

  constructor(issues: readonly ConfigIssue[]) {
    const lines = issues.map(({ at, sentence }) => `  - ${at}: ${sentence}`)
    const count = issues.length === 1 ? '1 error' : `${issues.length} errors`
    super('config-invalid', `The configuration has ${count}:\n${lines.join('\n')}`)
    this.issues = issues
  }
}

export type IssueContext = {
  fields: readonly Field[]
  /** Keys that came from the environment: there a person must look for them. */
  fromEnvironment: ReadonlySet<string>
}

/** @param raw what was parsed, to say what was given. */
export const issuesOf = (
  issues: readonly z.core.$ZodIssue[],
  raw: unknown,
  context: IssueContext,
): ConfigIssue[] => issues.flatMap((issue) => issueOf(issue, raw, context))

const issueOf = (issue: z.core.$ZodIssue, raw: unknown, context: IssueContext): ConfigIssue[] => {
  const path = issue.path.map(String)
  const at = path.join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key].join('.'), context.fields))
  }
  const field = context.fields.find(({ key }) => key === at || at.startsWith(`${key}.`))
  const given = valueAt(raw, path)
  if (field === undefined) return [{ at, sentence: `${shown(given)} was given; ${issue.message}.` }]
  const wanted = wantedOf(field, at, issue)
  if (given === undefined && !issue.message.startsWith('must be set'))
    return [{ at, sentence: `missing; wanted ${wanted}. ${whereToSet(field)}` }]
  if (issue.message.startsWith('must be set'))
    return [{ at, sentence: `${issue.message}. ${whereToSet(field)}` }]
  const what = field.secret ? 'what was given (not shown here) does not fit' : `${shown(given)} was given`
  const where = context.fromEnvironment.has(field.key) ? ` It comes from ${field.env}.` : ''
  return [{ at, sentence: `${what}; wanted ${wanted}.${where}` }]
}

const unknownKey = (key: string, fields: readonly Field[]): ConfigIssue => {
  const sections = fields.flatMap(({ path }) => (path.length > 1 ? [path[0]!] : []))
  const meant = nearest(key, [...fields.map((field) => field.key), ...sections])
  return { at: key, sentence: `there is no such key${meant === undefined ? '' : `; did you mean ${meant}?`}` }
}

export const unknownVariable = (name: string, known: readonly string[]): ConfigIssue => {
  const meant = nearest(name, known)
  return {
    at: name,
    sentence: `there is no such variable${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  }
}

// A message that a schema was given says more than the kind of its value.
const wantedOf = (field: Field, at: string, issue: z.core.$ZodIssue): string => {
  const own = /^must be (.*?)\.?$/.exec(issue.message)?.[1]
  if (own !== undefined) return own
  return at === field.key ? field.wants : `${field.wants} (${issue.message})`
}

const whereToSet = ({ key, env }: Field) => `Set "${key}" in the file, or ${env}.`

const valueAt = (raw: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined,
    raw,
  )

/** 32 bytes in hex are a private key as likely as not, typed in the wrong place: never repeated, not even in part. */
export const withoutKeys = (text: string): string =>
  text.replace(/(0x)?[0-9a-fA-F]{64,}/g, '(not shown: it may be a private key)')

const MOST_SHOWN = 60
const shown = (value: unknown): string => {
  const text = withoutKeys(JSON.stringify(value) ?? String(value))
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text
}
