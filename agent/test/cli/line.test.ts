// How a line becomes a verb: help of each, what was probably meant, and one line of JSON whatever happens.
import { execFile } from 'node:child_process'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { bareEnv } from '../../../test/world/bare-env.ts'
import { parseVerb } from '../../src/cli/find.ts'
import { runLine } from '../../src/cli/line.ts'
import { VERBS } from '../../src/cli/verbs.ts'
import { FIELDS, flagOf } from '../../src/config/config.ts'

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname

const run = async (...args: string[]) => {
  let out = ''
  let err = ''
  const code = await runLine(args, {
    env: { DECLOUD_NODE_CONFIG: '' },
    signal: new AbortController().signal,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { code, out, err }
}

const errorSchema = z.strictObject({
  error: z.strictObject({
    ...{
      code: z.string(),
      message: z.string(),
      hint: z.string(),
      details: z.record(z.string(), z.unknown()),
    },
  }),
})

describe('a line', () => {
  it.each([
    [['regster'], 'Did you mean register?'],
    [['price', 'sett'], 'Did you mean price set?'],
    [['earning'], 'Did you mean earnings?'],
    [['register', '--price-pont', '1'], 'Did you mean --price-point?'],
    [['withdraw', '--dryrun'], 'Did you mean --dry-run?'],
    [['zzzzzz'], 'See `decloud-node --help`.'],
    [['earnings', '--since'], '--since wants a value.'],
    [['earnings', '--csv=yes'], '--csv takes no value.'],
    [['drain', 'now'], '"now" is one word too many.'],
    [['status', '--port', 'x'], 'takes a whole number from 1 to 65535, not "x"'],
  ])('answers %j with what was meant', async (args, sentence) => {
    const { code, out, err } = await run(...args)
    expect(`${err}${out}`).toContain(sentence)
    expect(code).toBe(2)
  })

  it('never repeats what may be a private key, typed in the wrong place', async () => {
    const key = `0x5de4${'1fa0'.repeat(15)}`
    const lines = [
      ['init', '--operator-address', key],
      ['config', 'check', '--region', key.slice(2)],
      ['config', 'check', '--agent-keystore', key],
      ['status', key],
      ['status', '--port', key],
      ['events', '--lease', `${key}0`],
      ['earnings', '--since', key],
      [key],
    ]
    for (const args of lines) {
      const { code, out, err } = await run(...args, '--json')
      expect(code, args.join(' ')).toBe(2)
      expect(`${out}${err}`).not.toContain(key.slice(2, 12))
    }
  })

  it.each(['2026-02-31', '2026-13-01', '2026-11-21T25:00Z', '2026-11-21T10:00', '1e9', ''])(
    'takes no moment that no calendar has: %j',
    async (since) => {
      for (const verb of ['earnings', 'events', 'logs']) {
        const { code, err } = await run(verb, '--since', since)
        expect(code, verb).toBe(2)
        expect(err).toContain('--since takes')
      }
    },
  )

  it('takes a price as far as the registry has bits for it', async () => {
    const check = (price: string) => run('config', 'check', '--price-point', price)
    expect((await check('1099511.627775')).err).not.toContain('price.point')
    expect((await check('1099511.627776')).err).toContain('price.point: "1099511.627776" was given')
    expect((await check('99999999999999')).err).toContain('at most 1099511.627775')
  })

  it('says of a node that is not named what names it', async () => {
    expect((await run('config', 'check')).err).toContain(
      'node: must be set, and is by `decloud-node register`',
    )
  })

  it('says errors on one line of JSON under --json, and in words beside it', async () => {
    const { code, out, err } = await run('price', 'get', '--node', '0', '--json')
    expect(code).toBe(2)
    expect(out.trim().split('\n')).toHaveLength(1)
    const { error } = errorSchema.parse(JSON.parse(out))
    expect(error.code).toBe('config-invalid')
    for (const key of ['rpcUrls', 'deployment', 'node']) expect(error.message).toContain(`- ${key}: `)
    expect(err).toContain('- node: 0 was given; wanted a whole number from 1')
    expect(err).not.toMatch(/\n\s+at /)
  })

  it.each(Object.keys(VERBS))(
    'tells of %s in its own help, and every example in there parses',
    async (name) => {
      const verb = await VERBS[name]!.load()
      const words = name.split(' ')
      const { code, out } = await run(...words, '--help')
      expect(code).toBe(0)
      expect((await run('help', ...words)).out).toBe(out)
      expect(out).toContain(`Usage: decloud-node ${name}`)
      expect(out).toContain('Exit codes: 0 done')
      for (const [option, { about }] of Object.entries(verb.options)) {
        expect(out).toContain(`--${option}`)
        expect(about, option).not.toBe('')
      }
      for (const example of verb.examples ?? []) {
        const args = example.match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ''))
        const shell = args.findIndex((word) => word === '>' || word === '|')
        const line = shell === -1 ? args : args.slice(0, shell)
        expect(line.slice(0, 1 + words.length)).toEqual(['decloud-node', ...words])
        expect(() => parseVerb(verb, line.slice(1 + words.length)), example).not.toThrow()
      }
    },
  )

  it('shows every verb and every key at the top, and each group by its name', async () => {
    const { code, out } = await run('--help')
    expect(code).toBe(0)
    for (const name of Object.keys(VERBS)) expect(out).toContain(`  ${name} `)
    for (const { key, env } of FIELDS) {
      expect(out).toContain(key)
      expect(out).toContain(env)
    }
    expect((await run()).code).toBe(2)
    const group = await run('price')
    expect(group).toMatchObject({ code: 2, out: expect.stringContaining('price set') })
    expect((await run('price', '--help')).code).toBe(0)
  })

  it('takes every key as a flag, no two of one name', () => {
    const flags = FIELDS.map(({ key }) => flagOf(key))
    expect(new Set(flags).size).toBe(flags.length)
    expect(flags).toContain('price-point')
    expect(flags).toContain('rpc-urls')
  })
})

describe('the process', () => {
  const ended: (() => void)[] = []
  afterEach(() => {
    for (const end of ended.splice(0)) end()
  })

  it('gives its exit code to the shell, and no stack to anybody', async () => {
    const ran = await new Promise<{ code: number; err: string }>((resolve) => {
      const env = bareEnv()
      const child = execFile(process.execPath, [MAIN, 'sell'], { env, timeout: 60_000 }, (error, _, err) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), err }),
      )
      ended.push(() => child.kill('SIGKILL'))
    })
    expect(ran).toEqual({ code: 2, err: 'There is no verb "sell". See `decloud-node --help`.\n' })
  })

  it('says when its result cannot be written, and ends in peace when nobody reads', async () => {
    const shell = (line: string) =>
      new Promise<{ code: number; err: string }>((resolve) => {
        const env = { PATH: process.env['PATH'] ?? '', NODE: process.execPath, MAIN }
        const child = execFile(
          'bash',
          ['--norc', '-o', 'pipefail', '-c', line],
          { env, timeout: 60_000 },
          (error, _, err) => resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), err }),
        )
        ended.push(() => child.kill('SIGKILL'))
      })
    const full = await shell('"$NODE" "$MAIN" config table > /dev/full')
    expect(full).toEqual({
      code: 1,
      err: expect.stringMatching(/^The result cannot be written: ENOSPC.*\n$/),
    })
    const unread = await shell('"$NODE" "$MAIN" config table | head -c 1 > /dev/null')
    expect(unread).toEqual({ code: 0, err: '' })
  })
})
