import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, fieldsHelp, fieldsTable, nearest, shownConfig } from '@decloud/service/config'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FIELDS } from '../src/config/config.ts'
import { loadConfig } from '../src/config/load.ts'
import { secretValues } from '../src/config/secret-values.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keeper-config-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const address = (digit: string) => `0x${digit.repeat(40)}`
const deployment = {
  ...{
    chainId: 31_337,
    fromBlock: 0,
    usdc: address('1'),
    leaseEscrow: address('2'),
    leaseDesk: address('3'),
  },
  ...{ downtimeQuorum: address('4'), leaseMandates: address('5'), nodeRegistry: address('6') },
  pricePolicy: address('7'),
}
const RPC_KEY = 'k3yk3yk3yk3yk3yk3y'
const RPC = `https://rpc.example/v2/${RPC_KEY}`
const fileOf = (name: string, value: unknown) => {
  const path = join(folder, name)
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
  return path
}
const good = { rpcUrls: [RPC], deployment, dataDir: '/nowhere' }

const issuesOf = (load: () => unknown): string[] => {
  try {
    load()
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map(({ at, sentence }) => `${at}: ${sentence}`)
    throw error
  }
  return []
}

describe('the configuration', () => {
  it('says every error of file, environment and secrets at once, and repeats no secret', () => {
    const file = fileOf('bad.json', {
      rpcUrls: [`ftp://user:${RPC_KEY}@x`],
      port: 99_999,
      surplus: 1,
      minSettleUsdc: 'much',
      drain: { notice: 3 },
      metrics: { host: '0.0.0.0' },
    })
    const env = {
      DECLOUD_KEEPER_PROT: '1',
      DECLOUD_KEEPER_BATCH_SIZE: 'lots',
      DECLOUD_KEEPER_KEYSTORE: '/k',
      DECLOUD_KEEPER_PRIVATE_KEY: `0x${'ab'.repeat(32)}`,
    }
    const issues = issuesOf(() => loadConfig({ file, env }))
    expect(issues).toEqual(
      expect.arrayContaining([
        'DECLOUD_KEEPER_PROT: there is no such variable; did you mean DECLOUD_KEEPER_PORT?',
        'rpcUrls.0: what was given (not shown here) does not fit; wanted http(s) URLs.',
        'deployment: missing; wanted the path of a deployment file. Set "deployment" in the file, or DECLOUD_DEPLOYMENT.',
        'port: 99999 was given; wanted a whole number from 0 to 65535.',
        'batchSize: "lots" was given; wanted a whole number from 1 to 100. It comes from DECLOUD_KEEPER_BATCH_SIZE.',
        'minSettleUsdc: "much" was given; wanted an amount of USDC, for example 0.05.',
        'surplus: there is no such key',
        'drain.notice: there is no such key; did you mean drain.noticeSeconds?',
        'DECLOUD_KEEPER_PRIVATE_KEY: a keystore is given too: set one of them, not both.',
      ]),
    )
    expect(issues.some((one) => one.startsWith('dataDir: missing'))).toBe(true)
    const all = issues.join('\n')
    expect(all).not.toContain(RPC_KEY)
    expect(all).not.toContain('abab')
  })

  it('wants a token before figures are served beyond loopback', () => {
    const bad = fileOf('open.json', { ...good, metrics: { host: '0.0.0.0' } })
    expect(issuesOf(() => loadConfig({ file: bad, env: {} }))).toEqual([
      'metrics.token: must be set: metrics.host is not loopback. Set "metrics.token" in the file, or DECLOUD_KEEPER_METRICS_TOKEN.',
    ])
    expect(
      issuesOf(() => loadConfig({ file: bad, env: { DECLOUD_KEEPER_METRICS_TOKEN: 'long-enough-a-token' } })),
    ).toEqual([])
  })

  it('names a variable for every key, and reads each of them', () => {
    expect(new Set(FIELDS.map(({ env }) => env)).size).toBe(FIELDS.length)
    const file = fileOf('good.json', { ...good, drain: { noticeSeconds: 7, deadlineSeconds: 9 } })
    const env = {
      DECLOUD_RPC_URLS: `${RPC}, https://other.example`,
      DECLOUD_KEEPER_DRAIN_NOTICE_SECONDS: '3',
      DECLOUD_KEEPER_METRICS_ENABLED: 'false',
      DECLOUD_KEEPER_PORT: '',
      UNRELATED: 'x',
    }
    const loaded = loadConfig({ file, env })
    expect(loaded.config.rpcUrls).toEqual([RPC, 'https://other.example'])
    expect(loaded.config.drain).toEqual({ noticeSeconds: 3, deadlineSeconds: 9 })
    expect(loaded.config.metrics.enabled).toBe(false)
    expect(loaded.config.port).toBe(8_470)
    expect(loaded.key).toBeNull()
    expect(['drain.noticeSeconds', 'drain.deadlineSeconds', 'port'].map(loaded.originOf)).toEqual([
      'DECLOUD_KEEPER_DRAIN_NOTICE_SECONDS',
      file,
      'default',
    ])
  })

  it('shows every key and where it comes from, and of secrets no more than a host', () => {
    const file = fileOf('shown.json', { ...good, metrics: { token: 'a-token-of-some-length' } })
    const loaded = loadConfig({ file, env: {} })
    const shown = shownConfig(FIELDS, loaded.config, loaded.originOf)
    expect(shown).toContainEqual({ key: 'rpcUrls', value: ['rpc.example/…'], source: file })
    expect(shown).toContainEqual({ key: 'metrics.token', value: '[not shown]', source: file })
    expect(shown.map(({ key }) => key)).toEqual(FIELDS.map(({ key }) => key))
    expect(JSON.stringify(shown)).not.toMatch(/k3yk3y|a-token/)
    expect(secretValues(loaded.config, null)).toEqual(
      expect.arrayContaining([RPC, RPC_KEY, 'a-token-of-some-length']),
    )
  })

  it('does not quote a file that is not JSON: it may hold a key', () => {
    const file = fileOf('torn.json', `{"rpcUrls": ["${RPC}" oops`)
    const [first, ...rest] = issuesOf(() => loadConfig({ file, env: {} }))
    expect(first).toMatch(/torn\.json cannot be read: it is not JSON \(at .*\d+\)\.$/)
    expect([first, ...rest].join()).not.toContain('k3y')
  })

  it('takes the keystore and its password from the credentials of a systemd unit', () => {
    fileOf('keystore', '{}')
    fileOf('keystore-password', 'open sesame\n')
    const file = fileOf('unit.json', good)
    const { key } = loadConfig({ file, env: { CREDENTIALS_DIRECTORY: folder } })
    expect(key).toEqual({ keystore: join(folder, 'keystore'), password: 'open sesame' })
  })

  it('tells of every key in --help', () => {
    const help = fieldsHelp(FIELDS)
    for (const { key, env, about } of FIELDS) {
      expect(help).toContain(`${key} `)
      expect(help).toContain(env)
      expect(about, key).not.toBe('')
    }
  })

  it('is in the manual as it is in the code', () => {
    const manual = readFileSync(new URL('../../docs/keeper.md', import.meta.url), 'utf8')
    // Write it anew with: node keeper/src/main.ts config table
    expect(manual).toContain(`config table -->\n${fieldsTable(FIELDS)}\n<!-- end -->`)
  })

  it('finds the word that was meant, and none where none is near', () => {
    expect(nearest('prot', ['port', 'host'])).toBe('port')
    expect(nearest('dataDirr', ['dataDir', 'drain'])).toBe('dataDir')
    expect(nearest('zebra', ['port', 'host'])).toBeUndefined()
  })
})
