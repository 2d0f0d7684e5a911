// What the manuals tell people to type is there to be typed: every verb with its options, every script of npm.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { findVerb, parseVerb } from '../../src/cli/find.ts'
import { VERBS } from '../../src/cli/verbs.ts'

const ROOT = new URL('../../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8')
const MANUALS = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(new URL('docs', ROOT)).map((name) => `docs/${name}`),
]
  .filter((path) => path.endsWith('.md'))
  .map((path) => [path, read(path)] as const)

/** Of the words that follow the command in a code block or between backticks, up to where the shell or the prose goes on. */
const linesOf = (text: string): string[][] => {
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.split(/[\n;]/))
  const spans = [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(
    ([, span = '']) => span,
  )
  return [...blocks, ...spans].flatMap((line) => {
    const [, rest] = /^\s*\$?\s*(?:sudo )?decloud-node ([a-z].*?)\s*(?:#.*|\|.*|[<>].*)?$/.exec(line) ?? []
    return rest === undefined ? [] : [rest.trim().split(/\s+/)]
  })
}

describe('the manuals', () => {
  it.each(MANUALS)('name no verb and no option of decloud-node that is not there: %s', async (_, text) => {
    for (const [first = '', ...rest] of linesOf(text)) {
      const words = [first, ...rest].map((word) => word.replaceAll(/[[\]]/g, ''))
      // A group of verbs: "images …".
      if (words[1] === '…') continue
      const found = findVerb(words)
      if (found.kind === 'group') continue
      const verb = await VERBS[found.name]!.load()
      expect(() => parseVerb(verb, found.args), words.join(' ')).not.toThrow()
    }
  })

  it('find some, in each kind of place', () => {
    const found = MANUALS.flatMap(([, text]) => linesOf(text).map((words) => words[0]))
    for (const verb of ['init', 'register', 'entrust', 'doctor', 'withdraw', 'upgrade', 'events']) {
      expect(found).toContain(verb)
    }
  })

  it.each(MANUALS)('name no script of npm that is not there: %s', (_, text) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const named = [...text.matchAll(/npm run (?:-s )?([a-z][a-z:-]*)/g)].map(([, name = '']) => name)
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
  })
})
