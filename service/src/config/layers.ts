// Where raw values come from before they are judged: files, and what lies over them.
import { readFileSync } from 'node:fs'
import { sentenceOf } from '@decloud/protocol'
import type { ConfigIssue } from './issues.ts'

/** @returns the object in the file; `{}` and an issue more when there is none. */
export const readConfigFile = (path: string, issues: ConfigIssue[]): Record<string, unknown> => {
  const before = issues.length
  const value = readJson(path, path, issues)
  if (issues.length > before) return {}
  if (isObject(value)) return value
  issues.push({ at: path, sentence: 'does not hold a JSON object.' })
  return {}
}

/** @param at what an issue is about. @returns `undefined` and an issue more when it cannot be read or is not JSON. */
export const readJson = (path: string, at: string, issues: ConfigIssue[]): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    // A parser's message quotes what it read, and a configuration may hold a key: its place is enough.
    const why = error instanceof SyntaxError ? notJson(error) : sentenceOf(error)
    issues.push({ at, sentence: `${path} cannot be read: ${why}.` })
    return undefined
  }
}

const notJson = (error: SyntaxError) => {
  const place = /\(line \d+ column \d+\)|position \d+/.exec(error.message)?.[0]
  return place === undefined ? 'it is not JSON' : `it is not JSON (at ${place.replace(/[()]/g, '')})`
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What lies `over` wins, key by key. */
export const merge = (
  under: Record<string, unknown>,
  over: Record<string, unknown>,
): Record<string, unknown> => {
  const result = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const below = result[key]
    result[key] = isObject(below) && isObject(value) ? merge(below, value) : value
  }
  return result
}

/** Whether there is anything at the path. */
export const has = (value: unknown, path: readonly string[]): boolean =>
  path.length === 0 || (isObject(value) && path[0]! in value && has(value[path[0]!], path.slice(1)))
