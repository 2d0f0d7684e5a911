import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { holderOf, lockFolder } from '../src/adapters/store/lock.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keeper-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const codeOf = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return undefined
}

it('keeps a second keeper out, names the first, and lets it in afterwards', () => {
  const lock = lockFolder(folder, () => 5)
  lock.announce('http://127.0.0.1:1')
  expect(holderOf(folder)).toEqual({ pid: process.pid, since: 5, url: 'http://127.0.0.1:1' })
  expect(codeOf(() => lockFolder(folder))).toBe('folder-locked')
  expect(() => lockFolder(folder)).toThrow(`process ${process.pid}`)
  lock.release()
  lock.release()
  expect(holderOf(folder)).toBeNull()
  lockFolder(folder).release()
})

it('goes with the process that held it, even by kill -9', async () => {
  const module = new URL('../src/adapters/store/lock.ts', import.meta.url).href
  const script = `import { lockFolder } from '${module}'
lockFolder(process.argv[1]); gc(); console.log('held'); setInterval(gc, 20)`
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  try {
    await once(child.stdout, 'data')
    expect(holderOf(folder)?.pid).toBe(child.pid)
    expect(codeOf(() => lockFolder(folder))).toBe('folder-locked')
  } finally {
    child.kill('SIGKILL')
    await ended
  }
  expect(holderOf(folder)).toBeNull()
  lockFolder(folder).release()
})

it('says what is the matter with a folder that cannot be used', () => {
  expect(codeOf(() => lockFolder('/dev/null/none'))).toBe('store-unusable')
  expect(holderOf(join(folder, 'none'))).toBeNull()
})
