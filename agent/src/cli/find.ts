// A line of words → which verb, which options; or what was probably meant.
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { nearest } from '@decloud/service/config'
import { FIELDS, flagOf, type Given } from '../config/config.ts'
import { type Options, UsageError, type Values, type Verb } from './verb.ts'
import { VERBS } from './verbs.ts'

export const COMMON = {
  config: {
    type: 'string',
    argument: 'FILE',
    about: 'the configuration; variables win over it, flags over both',
  },
  json: { type: 'boolean', about: 'one line of JSON on stdout, of a failure too' },
  help: { type: 'boolean', about: 'this text' },
} as const satisfies Options

/** The first words of verbs that are said in two. */
const GROUPS: ReadonlySet<string> = new Set(
  Object.keys(VERBS).flatMap((name) => (name.includes(' ') ? [name.split(' ')[0]!] : [])),
)

export type Found =
  | { readonly kind: 'verb'; readonly name: string; readonly args: string[] }
  | { readonly kind: 'group'; readonly name: string }

/** @throws UsageError that names what there is. */
export const findVerb = (args: readonly string[]): Found => {
  const [first = '', second = '', ...rest] = args
  if (GROUPS.has(first)) {
    const name = `${first} ${second}`
    if (Object.hasOwn(VERBS, name)) return { kind: 'verb', name, args: rest }
    if (second === '' || second.startsWith('-')) return { kind: 'group', name: first }
    throw new UsageError(`There is no verb "${name}".`, meant(name))
  }
  if (Object.hasOwn(VERBS, first)) return { kind: 'verb', name: first, args: args.slice(1) }
  throw new UsageError(`There is no verb "${first}".`, meant(first))
}

export const verbsOf = (group: string): readonly string[] =>
  Object.keys(VERBS).filter((name) => name.startsWith(`${group} `))

const meant = (name: string): string => {
  const near = nearest(name, [...Object.keys(VERBS), ...GROUPS])
  return near === undefined ? 'See `decloud-node --help`.' : `Did you mean ${near}?`
}

const optionMeant = (name: string, options: Options): string => {
  const near = nearest(name, Object.keys(options))
  return near === undefined ? 'See --help.' : `Did you mean --${near}?`
}

type Parsed = {
  readonly values: Values<Options>
  readonly words: readonly string[]
  readonly given: Given
}

/** Every key of the configuration is a flag too, unless the verb has one of that name for itself. */
const CONFIG_FLAGS: Options = Object.fromEntries(
  FIELDS.map(({ key, about, wants }) => [
    flagOf(key),
    { type: 'string', argument: 'VALUE', about: about || wants },
  ]),
)

/** @throws UsageError. */
export const parseVerb = (verb: Verb, args: string[]): Parsed => {
  const options: Options = { ...CONFIG_FLAGS, ...COMMON, ...verb.options }
  const kinds: ParseArgsOptionsConfig = Object.fromEntries(
    Object.entries(options).map(([name, { type }]) => [name, { type }]),
  )
  const { values, positionals, tokens } = parseArgs({
    ...{ args, options: kinds, allowPositionals: true, strict: false, tokens: true },
  })
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    if (option === undefined)
      throw new UsageError(`There is no option ${token.rawName} here.`, optionMeant(token.name, options))
    if (option.type === 'string' && token.value === undefined) {
      throw new UsageError(`${token.rawName} wants a value.`)
    }
    if (option.type === 'boolean' && token.value !== undefined) {
      throw new UsageError(`${token.rawName} takes no value.`)
    }
  }
  if (positionals.length > 0 && verb.words === undefined) {
    throw new UsageError(`"${positionals[0]}" is one word too many.`)
  }
  // Of each option what its type says: checked token by token above.
  const text = (name: string): string | undefined => {
    const value = values[name]
    return typeof value === 'string' ? value : undefined
  }
  const all: Values<Options> = Object.fromEntries(
    Object.entries(options).map(([name, { type }]) => [
      name,
      type === 'boolean' ? values[name] === true : text(name),
    ]),
  )
  const mine = new Set(Object.keys(verb.options))
  const flags = Object.fromEntries(
    Object.keys(CONFIG_FLAGS).map((name) => [name, mine.has(name) ? undefined : text(name)]),
  )
  return {
    values: all,
    words: positionals,
    given: { file: text('config'), flags },
  }
}
