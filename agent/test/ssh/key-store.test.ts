import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeKeyPair } from '../../src/ssh/key-pair.ts'
import { authorityFile, makeKeyStore } from '../../src/ssh/key-store.ts'

const LEASE = `0x${'a1'.repeat(32)}` as const
const OTHER = `0x${'b2'.repeat(32)}` as const
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'decloud-keys-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('ssh-keygen reads every key pair back, and finds the same public half', async () => {
  for (let i = 0; i < 60; i++) {
    const { privateKey, publicKey } = makeKeyPair()
    const file = join(folder, String(i))
    await writeFile(file, privateKey, { mode: 0o600 })
    expect(execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' }).trim()).toBe(publicKey)
  }
})

describe('the keys of a lease', () => {
  test('are made once, stay, are closed to others, and go', async () => {
    const directory = join(folder, 'ssh')
    const store = makeKeyStore(directory)
    expect(await store.list()).toEqual([])
    expect(await store.of(LEASE)).toBeNull()
    const made = await store.ensure(LEASE)
    expect(await store.ensure(LEASE)).toEqual(made)
    expect(await makeKeyStore(directory).of(LEASE)).toEqual(made)
    expect((await store.ensure(OTHER)).authority.publicKey).not.toBe(made.authority.publicKey)
    expect(new Set([made.authority, made.host, made.login].map(({ publicKey }) => publicKey)).size).toBe(3)

    const modeOf = async (path: string) => (await stat(path)).mode & 0o777
    expect(await modeOf(directory)).toBe(0o700)
    for (const name of ['authority', 'host', 'login']) {
      expect(await modeOf(join(directory, LEASE.slice(2), name))).toBe(0o600)
    }
    expect(await readFile(authorityFile(directory, LEASE), 'utf8')).toBe(made.authority.privateKey)

    await store.remove(LEASE)
    await store.remove(LEASE)
    expect(await store.list()).toEqual([OTHER])
    expect((await store.ensure(LEASE)).authority.publicKey).not.toBe(made.authority.publicKey)
  })

  test('what a killed process left half-made is no key of any lease, and is swept away', async () => {
    const directory = join(folder, 'ssh')
    const torn = join(directory, `.${LEASE.slice(2)}-AbC123`)
    await mkdir(torn, { recursive: true })
    await writeFile(join(torn, 'authority'), 'half a key')
    const store = makeKeyStore(directory)
    expect(await store.list()).toEqual([])
    await store.ensure(LEASE)
    expect(await readdir(directory)).toEqual([LEASE.slice(2)])
  })

  test('one that fails in the middle leaves nothing, and the next call makes all of them', async () => {
    const directory = join(folder, 'ssh')
    let left = 2
    const failing = makeKeyStore(directory, () => {
      if (--left === 0) throw new Error('no randomness')
      return makeKeyPair()
    })
    await expect(failing.ensure(LEASE)).rejects.toMatchObject({ code: 'io' })
    expect(await readdir(directory)).toEqual([])
    left = 9
    expect(await failing.ensure(LEASE)).toEqual(await failing.of(LEASE))
  })
})
