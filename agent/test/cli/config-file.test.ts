// Flags over environment over file, every error at once, and nothing secret in any of it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, fieldsTable } from '@decloud/service/config'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runLine } from '../../src/cli/line.ts'
import { FIELDS, type Given, load, loadConfig } from '../../src/config/config.ts'
import { changeNodeFile } from '../../src/config/node-file.ts'
import { loadSecrets, secretFiles } from '../../src/config/secrets.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'decloud-node-file-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const address = (digit: string) => `0x${digit.repeat(40)}`
const deployment = {
  ...{ chainId: 137, fromBlock: 1, usdc: address('1'), leaseEscrow: address('2'), leaseDesk: address('3') },
  ...{ downtimeQuorum: address('4'), leaseMandates: address('5'), nodeRegistry: address('6') },
  pricePolicy: address('7'),
}
const fileOf = (name: string, value: unknown) => {
  const path = join(folder, name)
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value), { mode: 0o600 })
  return path
}
const RPC = 'https://rpc.example/v2/k3yk3yk3yk3yk3yk3y'
const good = { rpcUrls: [RPC], deployment, node: 3 }
const issuesOf = (env: Record<string, string>, given: Given): string[] => {
  try {
    loadConfig(env, given)
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map(({ at, sentence }) => `${at}: ${sentence}`)
    throw error
  }
  return []
}

describe('the file of a node', () => {
  it('lies under the environment, and flags over both', () => {
    const file = fileOf('node.json', {
      ...good,
      apiPort: 1,
      price: { point: '0.01', gpu: '1' },
      logLevel: 'warn',
    })
    const env = { DECLOUD_NODE_CONFIG: file, DECLOUD_API_PORT: '2', DECLOUD_PRICE_POINT: '0.02' }
    const given = { flags: { 'price-point': '0.03', 'api-port': undefined } }
    const { config, originOf } = load(env, given, ['rpcUrls', 'deployment', 'node'])
    expect(config).toMatchObject({
      node: 3,
      apiPort: 2,
      price: { point: 30_000n, gpu: 1_000_000n },
      logLevel: 'warn',
    })
    const origins = ['price.point', 'apiPort', 'price.gpu', 'dataDir'].map(originOf)
    expect(origins).toEqual(['--price-point', 'DECLOUD_API_PORT', file, 'default'])
    expect(loadConfig(env, { file: fileOf('other.json', { ...good, node: 4 }) }).node).toBe(4)
  })

  it('says every error of file, environment and flags at once, with the name that was meant', () => {
    const file = fileOf('bad.json', {
      ...good,
      node: 'three',
      apiPrt: 1,
      price: { poin: '1', gpu: 0.5 },
      claims: true,
    })
    const env = {
      DECLOUD_NODE_CONFIG: file,
      DECLOUD_SUBNET: '10.0.0.0/8',
      DECLOUD_KEEPER: 'x',
      DECLOUD_KEEPER_PORT: '1',
    }
    const issues = issuesOf(env, { flags: { 'min-charge': '301' } })
    expect(issues.sort()).toEqual([
      'DECLOUD_KEEPER: there is no such variable; did you mean DECLOUD_KEEPERS?',
      'apiPrt: there is no such key; did you mean apiPort?',
      'claims: true was given; wanted one of on, off.',
      'minCharge: 301 was given; wanted a whole number from 0 to 300.',
      'networkSubnet: "10.0.0.0/8" was given; wanted an IPv4 range from /16 to /29. It comes from DECLOUD_SUBNET.',
      'node: "three" was given; wanted a whole number from 1 to 4294967295.',
      'price.gpu: 0.5 was given; wanted an amount of USDC as text.',
      'price.poin: there is no such key; did you mean price.point?',
    ])
  })

  it('names rules between keys beside everything else that is wrong', () => {
    const file = fileOf('rules.json', { ...good, node: 0, hypervisor: 'simulated', apiHost: '0.0.0.0' })
    const issues = issuesOf({}, { file }).map((issue) => issue.split(':')[0])
    expect(issues).toEqual(['node', 'hypervisor', 'apiHost'])
  })

  it('takes no key, whatever it is called', () => {
    const key = '5c'.repeat(32)
    const file = fileOf('key.json', {
      ...good,
      region: 'x',
      endpoint: `0x${key}`,
      agentKeystore: key,
      keys: { cold: key },
    })
    const issues = issuesOf({}, { file })
    expect(issues.filter((issue) => issue.includes('looks like a private key'))).toHaveLength(3)
  })

  it('tells what it wants of a file that is missing, or is no JSON', () => {
    const missing = issuesOf({ DECLOUD_NODE_CONFIG: join(folder, 'absent.json') }, {})
    expect(missing[0]).toContain('absent.json cannot be read')
    const torn = issuesOf({}, { file: fileOf('torn.json', `{"rpcUrls": ["${RPC}" oops`) })
    expect(torn[0]).toMatch(/torn\.json cannot be read: it is not JSON/)
    expect(torn.join()).not.toContain('k3y')
  })

  it('is written whole, for its group, and keeps what it held', () => {
    const file = fileOf('written.json', { ...good, price: { gpu: '1' } })
    expect(changeNodeFile(file, { node: 9, price: { point: '0.01' } })).toBe(true)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      ...good,
      node: 9,
      price: { gpu: '1', point: '0.01' },
    })
    expect(statSync(file).mode & 0o777).toBe(0o640)
    expect(changeNodeFile(file, { node: 9 })).toBe(false)
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('is checked and shown by verbs, of an RPC the host alone', async () => {
    const file = fileOf('shown.json', good)
    const say = async (...args: string[]) => {
      let out = ''
      const code = await runLine([...args, '--config', file, '--json'], {
        ...{ env: {}, signal: new AbortController().signal, err: () => {} },
        out: (text) => {
          out += text
        },
      })
      return { code, out, json: JSON.parse(out) }
    }
    expect(await say('config', 'check')).toMatchObject({ code: 0, json: { valid: true, file } })
    expect(await say('config', 'check', '--api-port', '70000')).toMatchObject({
      ...{ code: 2, json: { error: { code: 'config-invalid' } } },
    })
    const { json, out } = await say('config', 'show', '--price-gpu', '1')
    expect(json.keys).toContainEqual({ key: 'rpcUrls', value: ['rpc.example/…'], source: file })
    expect(json.keys).toContainEqual({ key: 'price.gpu', value: '1000000', source: '--price-gpu' })
    expect(json.keys.map(({ key }: { key: string }) => key)).toEqual(FIELDS.map(({ key }) => key))
    expect(out).not.toContain('k3y')
    expect((await say('config', 'table')).json.table).toContain('| `price.gpu` | `DECLOUD_PRICE_GPU` |')
  })

  it('is in the manual as it is in the code', () => {
    const manual = readFileSync(new URL('../../../docs/node.md', import.meta.url), 'utf8')
    // Write it anew with: node agent/src/cli/main.ts config table
    expect(manual).toContain(`config table -->\n${fieldsTable(FIELDS)}\n<!-- end -->`)
    for (const { key, about } of FIELDS) expect(about, key).not.toBe('')
  })
})

describe('the secrets', () => {
  it('come from the unit’s credentials before the file, and from a variable before both', async () => {
    fileOf('agent-password', 'open sesame\n')
    fileOf('sealing-keys', JSON.stringify({ 1: `0x${'22'.repeat(32)}` }))
    const file = fileOf('unit.json', { sealingKeys: '/etc/elsewhere', agentKeystore: '/etc/keystore' })
    const env = { CREDENTIALS_DIRECTORY: folder }
    expect(secretFiles(env, { file })).toEqual({
      agentKeystore: '/etc/keystore',
      agentPasswordFile: join(folder, 'agent-password'),
      sealingKeys: join(folder, 'sealing-keys'),
    })
    const named = secretFiles({ ...env, DECLOUD_SEALING_KEYS: '/mine' }, { file })
    expect(named.sealingKeys).toBe('/mine')
    const secrets = await loadSecrets({ ...env, DECLOUD_AGENT_KEY: `0x${'33'.repeat(32)}` }, { file })
    expect(secrets.sealingKeys.get(1)).toBe(`0x${'22'.repeat(32)}`)
  })
})
