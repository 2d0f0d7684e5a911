// At a terminal: passwords are asked for and not shown, and what is about to be done is shown and asked about.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decryptKey } from '@decloud/chain'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bareEnv } from '../../../test/world/bare-env.ts'

// util-linux: a pseudo-terminal around a command.
const SCRIPT = '/usr/bin/script'
const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
if (!existsSync(SCRIPT))
  console.warn('SKIPPED: passwords at a terminal: script (util-linux) is not installed')
const PATIENCE_MS = 60_000

describe.skipIf(!existsSync(SCRIPT))('a terminal', { timeout: 120_000 }, () => {
  let folder: string
  let child: ChildProcess | null = null
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decloud-terminal-'))
  })
  afterEach(async () => {
    child?.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })

  /** Types each answer when its question is there. @returns all that was to be seen. */
  type Answers = readonly (readonly [question: string, typed: string])[]
  const talk = (line: string, answers: Answers) =>
    talkTo(`${process.execPath} ${CLI} ${line} --config ${join(folder, 'node.json')}`, answers)
  const talkTo = async (command: string, answers: Answers) => {
    const env = { ...bareEnv(), TERM: 'dumb' }
    const here = spawn(SCRIPT, ['-qec', command, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] })
    child = here
    let seen = ''
    let from = 0
    const end = once(here, 'exit')
    const waiting = [...answers]
    here.stdout.on('data', (chunk) => {
      seen += String(chunk)
      const [next] = waiting
      if (next === undefined || !seen.slice(from).includes(next[0])) return
      waiting.shift()
      from = seen.length
      here.stdin.write(next[1])
    })
    const late = setTimeout(() => here.kill('SIGKILL'), PATIENCE_MS)
    const [code] = (await end) as [number | null]
    clearTimeout(late)
    return { code, seen }
  }
  it('does nothing when the question is broken off', async () => {
    const ask = new URL('./ask.ts', import.meta.url).pathname
    for (const key of ['\x03', '\x04', 'n\r', '\r']) {
      const { code, seen } = await talkTo(`${process.execPath} ${ask}`, [['Go ahead? [y/N] ', key]])
      expect(seen).toMatch(/(Interrupted: nothing was done|Nothing was done)\.\s*$/)
      expect(code).toBe(1)
    }
    const yes = await talkTo(`${process.execPath} ${ask}`, [['Go ahead? [y/N] ', 'y\r']])
    expect(yes).toMatchObject({ code: 0, seen: expect.stringContaining('confirmed') })
  })

  const init = `init --data-dir ${'FOLDER'}/var`
  const line = () => init.replace('FOLDER', folder)

  it('takes a new password twice, and shows it neither time', async () => {
    const { code, seen } = await talk(line(), [
      ['New password for the cold key: ', 'hidden horsf\x7fe\r'],
      ['The same again: ', 'hidden horse\r'],
    ])
    expect(code, seen).toBe(0)
    expect(seen).not.toContain('hidden')
    const keystore = await readFile(join(folder, 'credentials', 'operator-keystore'), 'utf8')
    expect(await decryptKey(keystore, 'hidden horse')).toMatch(/^0x[0-9a-f]{64}$/)
  })

  it('makes nothing of two that differ, nor when it is broken off', async () => {
    const differ = await talk(line(), [
      ['New password for the cold key: ', 'hidden horse\r'],
      ['The same again: ', 'hidden house\r'],
    ])
    expect(differ).toMatchObject({ code: 2, seen: expect.stringContaining('The two passwords differ.') })
    const broken = await talk(line(), [['New password for the cold key: ', 'hidd\x03']])
    expect(broken).toMatchObject({ code: 1, seen: expect.stringContaining('Interrupted') })
    expect(await readdir(join(folder, 'credentials'))).toEqual([])
    expect(existsSync(join(folder, 'node.json'))).toBe(false)
  })
})
