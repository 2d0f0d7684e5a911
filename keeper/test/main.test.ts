import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Local, startLocal } from '../../chain/test/local.ts'
import { parseConfig } from '../src/config/config.ts'
import { type Harness, keyOf, makeHarness } from './harness.ts'

let local: Local
let harness: Harness
beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
})
afterEach(async () => {
  await harness.close()
  harness = await makeHarness(local)
})
afterAll(async () => {
  await harness?.close()
  await local?.stop()
})

describe('the command', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('stops on %s with exit code 0', async (signal) => {
    const config = { ...harness.raw(), logLevel: 'info' }
    const keeper = await harness.spawnKeeper(config, { DECLOUD_KEEPER_PRIVATE_KEY: keyOf(local) })
    const [, url] = await keeper.says(/"url":"(http:[^"]+)"/)
    expect((await fetch(`${url}/api/leases`)).status).toBeLessThan(504)
    keeper.child.kill(signal)
    expect(await keeper.ended).toEqual({ code: 0, signal: null })
    expect(keeper.output()).not.toContain(keyOf(local).slice(2))
  })

  it('says that its port is occupied, and by what it can be helped', async () => {
    const squatter = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => squatter.once('listening', resolve))
    const { port } = squatter.address() as AddressInfo
    const keeper = await harness.spawnKeeper(harness.raw({ port }))
    expect(await keeper.ended).toEqual({ code: 2, signal: null })
    expect(keeper.output()).toContain(`Port ${port} on 127.0.0.1 is in use by another process.`)
    squatter.close()
  })

  it('refuses another chain, and contracts that are not there', async () => {
    const wrong = await harness.spawnKeeper(
      harness.raw({ deployment: { ...local.deployment, chainId: 137 } }),
    )
    expect(await wrong.ended).toEqual({ code: 2, signal: null })
    expect(wrong.output()).toContain('serves chain 31337, the deployment is on chain 137')
    const bare = { ...local.deployment, leaseEscrow: local.anvil.account(9).address }
    const missing = await harness.spawnKeeper(harness.raw({ deployment: bare }))
    expect((await missing.ended).code).toBe(2)
    expect(missing.output()).toContain('leaseEscrow')
  })

  it('ends with 1 when no RPC answers at the start', async () => {
    const keeper = await harness.spawnKeeper(harness.raw({ rpcUrls: ['http://127.0.0.1:9'] }))
    expect((await keeper.ended).code).toBe(1)
    expect(keeper.output()).toContain('The RPC at 127.0.0.1:9 does not answer')
  })

  it('lists every error of its configuration at once', async () => {
    const config = { rpcUrls: ['ftp://x'], port: 99_999, minSettleUsdc: 'much', surplus: 1, dataDir: '' }
    const keeper = await harness.spawnKeeper(config)
    expect((await keeper.ended).code).toBe(2)
    for (const key of ['rpcUrls', 'port', 'minSettleUsdc', 'surplus', 'dataDir', 'deployment']) {
      expect(keeper.output()).toContain(key)
    }
  })

  it('takes a deployment by path and refuses one that cannot be read', () => {
    const raw = { ...harness.raw(), deployment: join(import.meta.dirname, 'none.json') }
    expect(() => parseConfig(raw)).toThrow(/none\.json cannot be read/)
  })

  it('refuses a keystore with the wrong password', async () => {
    const { saveKey } = await import('@decloud/chain')
    const { writeFile, mkdir } = await import('node:fs/promises')
    const folder = harness.freshFolder()
    await mkdir(folder)
    await saveKey(join(folder, 'key.json'), keyOf(local), 'right', 1 << 12)
    await writeFile(join(folder, 'password'), 'wrong\n')
    const keeper = await harness.spawnKeeper(harness.raw(), {
      DECLOUD_KEEPER_KEYSTORE: join(folder, 'key.json'),
      DECLOUD_KEEPER_PASSWORD_FILE: join(folder, 'password'),
    })
    expect((await keeper.ended).code).toBe(2)
    expect(keeper.output()).toContain('The password does not open the keystore.')
  })
})
