// Keys, folders and the file: made once, kept ever after, readable by nobody else.
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decryptKey, encryptKey } from '@decloud/chain'
import { type Hex, toHex } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runLine } from '../../src/cli/line.ts'
import { writeNewSecret } from '../../src/cli/operator/new-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'decloud-init-'))
  await writeFile(join(folder, 'password'), 'correct horse\n', { mode: 0o600 })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const at = (name: string) => join(folder, 'etc', name)
const credential = (name: string) => at(join('credentials', name))

const run = async (...args: string[]) => {
  let out = ''
  let err = ''
  const code = await runLine([...args, '--config', at('node.json'), '--json'], {
    env: {},
    signal: new AbortController().signal,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { code, err, json: JSON.parse(out) as Record<string, unknown> }
}
const init = (...args: string[]) => run('init', '--data-dir', join(folder, 'var'), ...args)
const made = () => init('--operator-password-file', join(folder, 'password'))
const NAMES = ['agent-keystore', 'agent-password', 'operator-keystore', 'sealing-keys']

const contents = () => Object.fromEntries(NAMES.map((name) => [name, readFileSync(credential(name), 'utf8')]))

describe('init', () => {
  it('makes hot, cold and sealing key apart, for their owner alone, and a file without any of them', async () => {
    const { code, json } = await made()
    expect(code).toBe(0)
    expect((await readdir(at('credentials'))).sort()).toEqual(NAMES)
    for (const name of NAMES) expect(statSync(credential(name)).mode & 0o777, name).toBe(0o600)
    expect(statSync(at('credentials')).mode & 0o777).toBe(0o700)
    expect(statSync(at('node.json')).mode & 0o007).toBe(0)
    const { 'agent-keystore': hot, 'agent-password': password, 'operator-keystore': cold } = contents()
    const agent = await decryptKey(hot!, password!.trim())
    const operator = await decryptKey(cold!, 'correct horse')
    expect(agent).not.toBe(operator)
    expect(json).toMatchObject({
      agent: { address: privateKeyToAddress(agent), made: true },
      operator: { address: privateKeyToAddress(operator), kind: 'made' },
      sealing: { epochs: [1], made: true },
      wrote: true,
    })
    expect(JSON.parse(readFileSync(at('node.json'), 'utf8'))).toEqual({
      dataDir: join(folder, 'var'),
      agentKeystore: credential('agent-keystore'),
      agentPasswordFile: credential('agent-password'),
      sealingKeys: credential('sealing-keys'),
      operatorKeystore: credential('operator-keystore'),
    })
    const said = JSON.stringify(json) + readFileSync(at('node.json'), 'utf8')
    const sealing = Object.values(JSON.parse(contents()['sealing-keys']!) as Record<string, Hex>)
    for (const secret of [agent, operator, password!.trim(), 'correct horse', ...sealing]) {
      expect(said).not.toContain(secret.replace(/^0x/, ''))
    }
  })

  it('given again changes nothing, and makes only what is missing', async () => {
    await made()
    const before = contents()
    const again = await init()
    expect(again.json).toMatchObject({
      ...{ wrote: false, agent: { made: false }, operator: { kind: 'kept' }, sealing: { made: false } },
    })
    expect(contents()).toEqual(before)
    rmSync(credential('sealing-keys'))
    expect((await init()).json).toMatchObject({ sealing: { made: true }, agent: { made: false } })
    const { 'sealing-keys': _, ...others } = before
    expect(contents()).toMatchObject(others)
  })

  it('adds what flags say to the file, and leaves the rest of it', async () => {
    await made()
    await init(
      '--rpc-urls',
      'https://a.example,https://b.example',
      '--price-point',
      '0.02',
      '--api-port',
      '7071',
    )
    await init('--region', 'eu-west')
    expect(JSON.parse(readFileSync(at('node.json'), 'utf8'))).toMatchObject({
      ...{ rpcUrls: ['https://a.example', 'https://b.example'], price: { point: '0.02' }, apiPort: 7071 },
      region: 'eu-west',
    })
  })

  it('takes a cold key over as it is, and never another one over it', async () => {
    const key = generatePrivateKey()
    const keystore = await encryptKey(key, 'correct horse', 1 << 12)
    await writeFile(join(folder, 'mine.json'), keystore, { mode: 0o600 })
    const first = await init('--operator-keystore', join(folder, 'mine.json'))
    expect(first.json).toMatchObject({ operator: { kind: 'imported', address: privateKeyToAddress(key) } })
    expect(readFileSync(credential('operator-keystore'), 'utf8').trim()).toBe(keystore)
    await writeFile(join(folder, 'other.json'), await encryptKey(generatePrivateKey(), 'x', 1 << 12), {
      mode: 0o600,
    })
    const other = await init('--operator-keystore', join(folder, 'other.json'))
    expect(other).toMatchObject({ code: 1, json: { error: { code: 'key-file-exists' } } })
    expect(readFileSync(credential('operator-keystore'), 'utf8').trim()).toBe(keystore)
  })

  it('can do without the cold key altogether', async () => {
    const address = privateKeyToAddress(toHex(7n, { size: 32 }))
    const { json } = await init('--operator-address', address)
    expect(json).toMatchObject({ operator: { kind: 'elsewhere', address } })
    expect(existsSync(credential('operator-keystore'))).toBe(false)
    expect(JSON.parse(readFileSync(at('node.json'), 'utf8'))).toMatchObject({ operatorAddress: address })
  })

  it.each([
    ['no terminal and no password', [], /no terminal to ask at.*--operator-password-file/],
    ['a short password', ['--operator-password-file', 'SHORT'], /fewer than 8 characters/],
    ['a password that others may read', ['--operator-password-file', 'OPEN'], /chmod 600/],
    ['no keystore at all', ['--operator-keystore', 'SHORT'], /not a version 3 keystore/],
  ])('makes no key for %s', async (_, args, sentence) => {
    await writeFile(join(folder, 'SHORT'), 'short\n', { mode: 0o600 })
    await writeFile(join(folder, 'OPEN'), 'correct horse\n', { mode: 0o644 })
    const { code, err } = await init(...args.map((arg) => (/^[A-Z]+$/.test(arg) ? join(folder, arg) : arg)))
    expect(code).toBe(2)
    expect(err).toMatch(sentence)
    expect(await readdir(at('credentials'))).toEqual([])
    expect(existsSync(at('node.json'))).toBe(false)
  })

  it('says what is wrong with a keystore whose password is gone, and leaves it', async () => {
    await made()
    const { 'agent-keystore': before } = contents()
    rmSync(credential('agent-password'))
    expect(await init()).toMatchObject({ code: 2, json: { error: { code: 'secret-missing' } } })
    expect(readFileSync(credential('agent-keystore'), 'utf8')).toBe(before)
  })

  it('leaves a key that came into being meanwhile, and nothing half-written beside it', async () => {
    const path = join(folder, 'key')
    writeNewSecret(path, 'first')
    expect(() => writeNewSecret(path, 'second')).toThrow(expect.objectContaining({ code: 'key-file-exists' }))
    expect(readFileSync(path, 'utf8')).toBe('first')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await readdir(folder)).sort()).toEqual(['key', 'password'])
    const nowhere = () => writeNewSecret(join(folder, 'no', 'key'), 'x')
    expect(nowhere).toThrow(expect.objectContaining({ code: 'key-file-unwritable' }))
  })

  it('does not touch a file that is not JSON', async () => {
    await mkdir(at(''), { recursive: true })
    await writeFile(at('node.json'), '{ "node": 3,')
    expect(await made()).toMatchObject({ code: 2, json: { error: { code: 'config-invalid' } } })
    expect(readFileSync(at('node.json'), 'utf8')).toBe('{ "node": 3,')
  })
})
