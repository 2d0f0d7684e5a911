// What a template says of itself: read from bytes that anybody may publish, by every keeper, before anybody asks for it.
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import Sqlite from 'better-sqlite3'
import { keccak256, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Local, startLocal, TENANT } from '../../chain/test/local.ts'
import { wordsIn } from '../src/domain/template-listing.ts'
import { getJson, type Harness, makeHarness } from './harness.ts'

const parsed: number[] = []
vi.mock('yaml', async (original) => {
  const yaml = await original<typeof import('yaml')>()
  const parseDocument: typeof yaml.parseDocument = (text, ...rest) => {
    parsed.push(text.length)
    return yaml.parseDocument(text, ...rest)
  }
  return { ...yaml, parseDocument }
})

const NOTHING = { name: null, description: null, category: null, tags: [] }
const ALL = { name: 'A name', description: 'Two\nlines\n', category: 'tools', tags: ['x', 'y'] }

describe('the words of a template', () => {
  it.each([
    ['as people write it', 'name: A name\ncategory: Tools\ntags: [x, Y]\ndescription: |\n  Two\n  lines\n'],
    [
      'with a list at the margin',
      'tags:\n- x\n- y\nname: A name\ncategory: tools\ndescription: |\n Two\n lines\n',
    ],
    [
      'with a head, comments, quotes and much else',
      '# about\n---\n"name": "A name" # so\n# more\ncategory : tools\nservices:\n  name: not this\n  tags: [z]\n' +
        "tags:\n  - x\n  # between\n  - 'y'\ndescription: |\n  Two\n  lines\nrun: >\n  name: nor this\n",
    ],
    [
      'with Windows line ends',
      'name: A name\r\ncategory: tools\r\ntags: [x, y]\r\ndescription: "Two\\nlines\\n"\r\n',
    ],
    [
      'as JSON',
      JSON.stringify({ name: 'A name', category: 'tools', tags: ['x', 'y'], description: 'Two\nlines' }),
    ],
  ])('are found %s', (_, text) => {
    expect(wordsIn(text)).toEqual({ ...ALL, description: ALL.description.trim() })
  })

  it.each([
    ['no mapping', '- name: x\n- tags: [y]\n'],
    ['a text', 'name\n'],
    ['an alias', 'name: *x\ncategory: &x y\n', { category: 'y' }],
    ['another kind of value', 'name: 3\ntags: x\ncategory: {a: b}\n'],
    ['broken YAML', 'name: [x\ncategory: "y\n'],
    ['broken JSON', '{"name": "x"'],
    ['nothing', ''],
  ])('are none where there is %s', (_, text, some: Partial<typeof ALL> = {}) => {
    expect(wordsIn(text)).toEqual({ ...NOTHING, ...some })
  })

  const many = (count: number, text: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => text(i)).join('')
  it.each([
    ['keys', many(8_000, (i) => `k${i}: 1\n`)],
    ['keys on one line', `{${many(8_000, (i) => `k${i}: 1,`)}}`],
    ['keys under a name', `name: {${'a,'.repeat(30_000)}}`],
    ['brackets', `tags: ${'['.repeat(60_000)}`],
    ['objects', '{"a":'.repeat(10_000)],
    ['tags', `name: ${'!a '.repeat(20_000)}`],
    ['anchors', many(4_000, (i) => `k${i}: &a${i} 1\n`)],
    ['of the words themselves', many(4_000, (i) => `name: ${i}\ntags:\n- x\n`)],
  ])('of one with endless %s cost no more than those of any other', (_, text) => {
    parsed.length = 0
    wordsIn(text.slice(0, 65_536))
    expect(parsed.reduce((sum, length) => sum + length, 0)).toBeLessThan(20_000)
  })
})

describe('a template that unpacks to more than anybody would write', () => {
  let local: Local
  let harness: Harness
  beforeAll(async () => {
    local = await startLocal()
    harness = await makeHarness(local)
  })
  afterAll(async () => {
    await harness?.close()
    await local?.stop()
  })

  it('is listed and found like any other, and takes no room of its own in the index', async () => {
    const publish = async (slug: string, text: string) => {
      const content = toHex(brotliCompressSync(text))
      expect((content.length - 2) / 2).toBeLessThan(16_384)
      const draft = {
        ...{ fee: 0n, refundWindow: 0, contentHash: keccak256(content), content, uri: '' },
        minimum: { vcpus: 1, gpus: 0, memoryMiB: 256, diskGiB: 1 },
      }
      await local.call(TENANT, 'templateRegistry', 'create', [slug, draft])
    }
    const filler = 'lorem ipsum dolor sit amet '.repeat(2_000)
    await publish('long', `name: Found\n# ${filler}`)
    await publish('endless', `name: Unfound\n# ${filler.repeat(9)}`)
    const dataDir = harness.freshFolder()
    const keeper = await harness.boot({ dataDir })
    await keeper.synced()
    const list = (query: string) => getJson(`${keeper.url}/api/marketplace/templates${query}`)
    expect((await list('?search=found')).body['templates']).toMatchObject([{ slug: 'long', name: 'Found' }])
    expect((await list('?sort=slug')).body['templates']).toMatchObject([
      { slug: 'endless', name: null },
      { slug: 'long' },
    ])
    // Who asks for its content gets all of it.
    const { body } = await getJson(`${keeper.url}/api/marketplace/templates/endless/versions/1`)
    expect(String(body['text']).length).toBeGreaterThan(400_000)
    const db = new Sqlite(join(dataDir, 'keeper.sqlite'), { readonly: true })
    expect(db.prepare('SELECT max(length(body)) FROM template_search').pluck().get()).toBeLessThan(10_000)
    db.close()
  })
})
