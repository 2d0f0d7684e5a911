// The configuration for people: every key with its value, and the text of --help and of the manual, from the schema.
import { formatUsdc } from '@decloud/protocol'
import { formatEther } from 'viem'
import type { Field } from './shape.ts'

export type ShownKey = { key: string; value: unknown; source: string }

const hostOnly = (url: string): string => {
  const host = URL.parse(url)?.host
  return host === undefined ? '[not shown]' : `${host}/…`
}

const hidden = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map((one) => hidden(one))
    : typeof value === 'string'
      ? hostOnly(value)
      : value === undefined
        ? null
        : '[not shown]'

const plain = (value: unknown): unknown => (typeof value === 'bigint' ? String(value) : (value ?? null))

/** What a configuration holds under a key. */
export const valueIn = (config: unknown, { path }: Pick<Field, 'path'>): unknown =>
  path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], config)

/** Every key with its value and where that came from; of secrets the host at most. Amounts in base units, as text. */
export const shownConfig = (
  fields: readonly Field[],
  config: unknown,
  originOf: (key: string) => string,
): ShownKey[] =>
  fields.map((field) => {
    const value = valueIn(config, field)
    return { key: field.key, value: field.secret ? hidden(value) : plain(value), source: originOf(field.key) }
  })

// A default is written in base units; people and files say USDC.
const fallbackText = ({ fallback, required, key }: Field): string => {
  if (fallback === undefined) return required ? 'required' : 'none'
  if (typeof fallback === 'bigint') return /coins$/i.test(key) ? formatEther(fallback) : formatUsdc(fallback)
  return typeof fallback === 'string' ? fallback : JSON.stringify(fallback)
}

/** For a terminal: two lines a key. */
export const fieldsHelp = (fields: readonly Field[]): string =>
  fields
    .map(
      (field) =>
        `  ${field.key.padEnd(30)} ${field.env} (${fallbackText(field)})\n      ${field.about || field.wants}`,
    )
    .join('\n')

/** For the manual: a Markdown table. */
export const fieldsTable = (fields: readonly Field[]): string =>
  [
    '| key | variable | default | what it is |',
    '|---|---|---|---|',
    ...fields.map(
      (field) =>
        `| \`${field.key}\` | \`${field.env}\` | ${fallbackText(field)} | ${[field.about, field.wants].filter((text) => text !== '').join('; ')} |`,
    ),
  ].join('\n')
