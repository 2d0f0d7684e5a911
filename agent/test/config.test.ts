import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@decloud/chain'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../src/config/config.ts'
import { loadSecrets } from '../src/config/secrets.ts'
import { admitted, moved } from '../src/domain/vm.ts'
import { lockDataDir } from '../src/state/data-dir.ts'
import { makeVmStore, reconsiderRefusals } from '../src/state/vm-store.ts'

let directory: string
let deployment: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'decloud-config-'))
  deployment = join(directory, 'deployment.json')
  const address = `0x${'11'.repeat(20)}`
  const created = { leaseDesk: address, downtimeQuorum: address, leaseMandates: address }
  const market = { usdc: address, leaseEscrow: address, nodeRegistry: address, pricePolicy: address }
  await writeFile(deployment, JSON.stringify({ chainId: 137, fromBlock: 1, ...market, ...created }))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

describe('the configuration', () => {
  const good = () => ({
    DECLOUD_RPC_URLS: 'https://a.example, https://b.example',
    DECLOUD_DEPLOYMENT: deployment,
    DECLOUD_NODE: '3',
  })

  it('reads what is given and fills in the rest', () => {
    expect(loadConfig(good())).toMatchObject({
      rpcUrls: ['https://a.example', 'https://b.example'],
      node: 3,
      hypervisor: 'auto',
      apiPort: 7070,
    })
  })

  it('emulates foreign guests only where money is play money', () => {
    const emulate = { ...good(), DECLOUD_FOREIGN_GUESTS: 'emulate' }
    expect(() => loadConfig(emulate)).toThrow(/DECLOUD_FOREIGN_GUESTS\) cannot be emulate on chain 137/)
    expect(() => loadConfig({ ...good(), DECLOUD_FOREIGN_GUESTS: 'yes' })).toThrow(/DECLOUD_FOREIGN_GUESTS/)
    expect(loadConfig({ ...good(), DECLOUD_FOREIGN_GUESTS: 'refuse' }).foreignGuests).toBe('refuse')
  })

  it('believes proxies that it can tell from everybody else', () => {
    const trusting = (list: string) => loadConfig({ ...good(), DECLOUD_TRUSTED_PROXIES: list }).trustedProxies
    const all = ['127.0.0.1', '::1', '10.0.0.0/8', 'fd00::/8']
    expect(trusting(all.join(', '))).toEqual(all)
    for (const wrong of ['proxy.example', '10.0.0.0/33', '0.0.0.0/0', '::/0', '10.0.0.0/255.0.0.0']) {
      expect(() => trusting(wrong), wrong).toThrow(/DECLOUD_TRUSTED_PROXIES/)
    }
  })

  it('reads what the node may do on chain by itself', () => {
    const duties = {
      ...{ DECLOUD_CLAIMS: 'off', DECLOUD_SETTLE_EVERY: '600', DECLOUD_MIN_SETTLE: '0.25' },
      ...{ DECLOUD_GAS_COIN_USDC: '0', DECLOUD_MAX_FEE_GWEI: '300' },
    }
    expect(loadConfig({ ...good(), ...duties })).toMatchObject({
      ...{
        claims: false,
        settleEverySeconds: 600,
        minSettleUsdc: 250_000n,
        gasCoinUsdc: 0n,
        maxFeeGwei: 300,
      },
    })
    for (const [name, value] of Object.entries({
      ...{ DECLOUD_CLAIMS: 'yes', DECLOUD_SETTLE_EVERY: '1', DECLOUD_MIN_SETTLE: '-1' },
      ...{ DECLOUD_GAS_COIN_USDC: 'dear', DECLOUD_MAX_FEE_GWEI: '0' },
    })) {
      expect(() => loadConfig({ ...good(), [name]: value })).toThrowError(new RegExp(name))
    }
  })

  it('names everything that is wrong at once', () => {
    const wrong = {
      DECLOUD_RPC_URLS: 'ftp://x',
      DECLOUD_DEPLOYMENT: join(directory, 'absent.json'),
      DECLOUD_NODE: '0',
      DECLOUD_API_PORT: '70000',
      DECLOUD_SUBNET: '10.0.0.0/8',
      DECLOUD_HYPERVISOR: 'xen',
    }
    let message = ''
    try {
      loadConfig(wrong)
    } catch (error) {
      message = String(error)
    }
    for (const name of Object.keys(wrong)) {
      expect(message).toContain(name === 'DECLOUD_DEPLOYMENT' ? wrong[name] : name)
    }
  })

  it('takes the GPUs for guests by their PCI addresses, each once', () => {
    const gpus = (text: string) => loadConfig({ ...good(), DECLOUD_GPUS: text }).gpus
    expect(gpus('0000:01:00.0, 0000:0A:00.1')).toEqual(['0000:01:00.0', '0000:0a:00.1'])
    expect(loadConfig(good()).gpus).toBeUndefined()
    for (const wrong of ['01:00.0', '0000:01:00.8', '0000:01:00.0,0000:01:00.0', '$(reboot)']) {
      expect(() => gpus(wrong), wrong).toThrowError(/DECLOUD_GPUS/)
    }
  })

  it('does not simulate guests where they would be billed', () => {
    expect(() => loadConfig({ ...good(), DECLOUD_HYPERVISOR: 'simulated' })).toThrowError(
      /cannot be simulated on chain 137/,
    )
  })
})

describe('the secrets', () => {
  it('names every missing one at once', async () => {
    await expect(loadSecrets({})).rejects.toThrowError(
      /DECLOUD_AGENT_KEYSTORE.*\n.*DECLOUD_AGENT_PASSWORD_FILE.*\n.*DECLOUD_SEALING_KEYS/,
    )
  })

  it('refuses a key file that others may read', async () => {
    const file = join(directory, 'sealing.json')
    await writeFile(file, JSON.stringify({ 1: `0x${'22'.repeat(32)}` }))
    await chmod(file, 0o640)
    const env = { DECLOUD_AGENT_KEY: `0x${'33'.repeat(32)}`, DECLOUD_SEALING_KEYS: file }
    await expect(loadSecrets(env)).rejects.toMatchObject({ code: 'secret-readable' })
    await chmod(file, 0o600)
    expect((await loadSecrets(env)).sealingKeys.get(1)).toBe(`0x${'22'.repeat(32)}`)
  })
})

describe('the state', () => {
  it('comes back from disk as it was written', () => {
    const path = join(directory, 'state.db')
    const vm = {
      ...admitted(`0x${'44'.repeat(32)}`, 5, 6),
      reason: { code: 'a', message: 'b' },
      image: 'tiny',
    }
    const first = openDatabase(path)
    makeVmStore(first).put(vm)
    first.close()
    const second = openDatabase(path)
    expect(makeVmStore(second).get(vm.leaseId)).toEqual(vm)
    second.close()
  })

  it('looks at a refusal once more after a restart, and not at one whose lease is over', () => {
    const db = openDatabase(':memory:')
    const store = makeVmStore(db)
    const step = { to: 'Error', phase: 'Waiting', reason: null, deadlineMs: null } as const
    const live = { ...moved(admitted(`0x${'55'.repeat(32)}`, 1, 2), step, 3), refused: true }
    const over = { ...live, leaseId: `0x${'66'.repeat(32)}` as const, status: 'Deleted' as const }
    store.put(live)
    store.put(over)
    reconsiderRefusals(db)
    expect(store.get(live.leaseId)?.refused).toBe(false)
    expect(store.get(over.leaseId)?.refused).toBe(true)
    db.close()
  })

  it('belongs to one agent at a time', () => {
    const path = join(directory, 'data')
    const lock = lockDataDir(path)
    expect(() => lockDataDir(path)).toThrowError(/Another agent works in/)
    lock.release()
    lockDataDir(path).release()
  })
})
