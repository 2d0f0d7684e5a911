import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decryptKey, encryptKey, loadKey, saveKey } from '../src/index.ts'

// Written by another implementation: Keystore.encrypt of ox 0.14.45 with scrypt.
const FOREIGN = JSON.stringify({
  crypto: {
    cipher: 'aes-128-ctr',
    ciphertext: '42555793bdc1c91eb9ef6016d008ab4fd690c83f0ae04afa6e4b8c91b4ca2829',
    cipherparams: { iv: '01ff9636fd0c1973f4f91a9c66e2e515' },
    kdf: 'scrypt',
    kdfparams: {
      dklen: 32,
      n: 8192,
      p: 8,
      r: 1,
      salt: '2c876356905c81ee9f38fabe67cd7b2f9c00b0f43c13bb9c855c47200b6dfb5d',
    },
    mac: 'fce0276c14588c079bdac8031106fa1f61fb58990d198cd1028f3b366b3efc41',
  },
  id: '13c196f8-e76d-46df-89cc-3ef0a46b47a3',
  version: 3,
})
const KEY = '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d'
const CHEAP = 1 << 12

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keystore-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the keystore', () => {
  it('opens a file of another implementation', async () => {
    expect(await decryptKey(FOREIGN, 'testpassword')).toBe(KEY)
  })

  it('opens what it wrote, and only with the password', async () => {
    const text = await encryptKey(KEY, 'right', CHEAP)
    expect(await decryptKey(text, 'right')).toBe(KEY)
    await expect(decryptKey(text, 'wrong')).rejects.toMatchObject({ code: 'keystore-password-wrong' })
    expect(text).not.toContain(KEY.slice(2))
  })

  it('writes files for their owner only and never over another', async () => {
    const path = join(folder, 'key.json')
    await saveKey(path, KEY, 'pw', CHEAP)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await expect(saveKey(path, KEY, 'pw', CHEAP)).rejects.toMatchObject({ code: 'keystore-exists' })
    const account = await loadKey({ keystore: path, password: 'pw' })
    expect(account.address).toBe(privateKeyToAccount(KEY).address)
  })

  it('says what is wrong with a file or a key', async () => {
    const path = join(folder, 'bad.json')
    await writeFile(path, '{"version": 3')
    await expect(loadKey({ keystore: path, password: '' })).rejects.toMatchObject({
      code: 'keystore-malformed',
    })
    await expect(loadKey({ keystore: join(folder, 'none'), password: '' })).rejects.toMatchObject({
      code: 'keystore-missing',
    })
    await expect(loadKey({ privateKey: '0x12' })).rejects.toMatchObject({ code: 'key-malformed' })
  })
})
