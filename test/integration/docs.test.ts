// What a stranger reads first leads somewhere. What is to be typed is held to the commands in agent/test/cli/docs.test.ts.
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const textOf = (path: string) => readFile(join(ROOT, path), 'utf8')

/** `a/{b,c}.ts` → `a/b.ts`, `a/c.ts`. */
const expanded = (path: string): string[] => {
  const [, before = '', inside = '', after = ''] = /^(.*?)\{([^}]*)\}(.*)$/.exec(path) ?? []
  return inside === '' ? [path] : inside.split(',').flatMap((part) => expanded(before + part + after))
}

it.each(['README.md', 'CONTRIBUTING.md', 'contracts/README.md'])(
  'every path that %s names is there',
  async (file) => {
    const text = await textOf(file)
    const tops = new Set(await readdir(ROOT))
    const quoted = [...text.matchAll(/`([^`\s]+\/[^`\s]*)`/g)].map(([, path = '']) => path)
    const linked = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = '']) => path)
    const paths = [...quoted, ...linked]
      .flatMap(expanded)
      .filter((path) => tops.has(path.split('/')[0] ?? ''))
    expect(paths.length).toBeGreaterThan(0)
    expect(paths.filter((path) => !path.includes('*') && !existsSync(join(ROOT, path)))).toEqual([])
  },
)

it('every decision bears the number it is filed under, and no number is given twice', async () => {
  const files = (await readdir(join(ROOT, 'docs/decisions'))).sort()
  const numbers = files.map((file) => file.slice(0, 4))
  expect(numbers).toEqual(files.map((_, nth) => String(nth + 1).padStart(4, '0')))
  for (const [nth, file] of files.entries()) {
    expect(await textOf(join('docs/decisions', file)), file).toMatch(new RegExp(`^# ${numbers[nth]} \\S`))
  }
})
