// The lens over real contracts: ids from logs, pages from storage, and a quote that is what the lease then costs.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Chain, connect, LEASE_STAGES, type LensLease, leaseIdsOf, makeLens } from '@decloud/chain'
import { leaseEscrowAbi } from '@decloud/protocol'
import { bytesToHex, type Hex, keccak256, toHex, zeroAddress } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AGENT, GUARDIAN, type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import { startRpcProxy } from '../../chain/test/rpc-proxy.ts'
import { writeDeployment } from '../../scripts/deploy/record.ts'

const OTHER_TENANT = 5
/** More than a page. */
const MANY = 40

let local: Local
let chain: Chain
let ids: readonly Hex[]
let closed: Hex
let running: Hex
const account = (index: number) => local.anvil.account(index).address
const stagesOf = (leases: readonly LensLease[]) => leases.map(({ stage }) => LEASE_STAGES[stage])

beforeAll(async () => {
  local = await startLocal()
  for (const _ of [1, 2]) await local.register()
  await local.anvil.client.setBalance({ address: account(AGENT), value: 10n ** 18n })
  for (const tenant of [TENANT, OTHER_TENANT]) await local.fund(tenant, 1_000_000_000n)
  closed = await local.open(TENANT, 1)
  running = await local.open(TENANT, 1)
  await local.open(OTHER_TENANT, 1)
  await local.openMany(TENANT, 2, MANY)
  await local.escrow(TENANT, 'close', [closed, zeroAddress])
  await local.escrow(AGENT, 'activate', [running, toHex(7, { size: 32 })])
  chain = await connect({ urls: [local.anvil.rpcUrl], deployment: local.deployment })
  ids = await leaseIdsOf(chain, { tenant: account(TENANT) })
})
afterAll(() => local?.stop())

describe('leases by their logs', () => {
  it('are all of a tenant, and all of a node, in the order of the chain', async () => {
    expect(ids).toHaveLength(MANY + 2)
    expect(ids.slice(0, 2)).toEqual([closed, running])
    expect(await leaseIdsOf(chain, { node: 1 })).toHaveLength(3)
    expect(await leaseIdsOf(chain, { tenant: account(OPERATOR) })).toEqual([])
  })

  it('come in pages, each as the escrow has it at one block', async () => {
    const lens = makeLens(chain)
    const leases = await lens.leases(ids, { tenant: account(TENANT) })
    expect(leases.map(({ leaseId }) => leaseId)).toEqual(ids)
    expect(new Set(leases.map(({ asOf }) => asOf)).size).toBe(1)
    expect(stagesOf(leases.slice(0, 3))).toEqual(['Ended', 'Active', 'Assigned'])
    const { lease, runsOutAt } = leases[1]!
    const escrow = { address: local.deployment.leaseEscrow, abi: leaseEscrowAbi } as const
    const read = { ...escrow, args: [running] } as const
    expect(lease).toEqual(await local.anvil.client.readContract({ ...read, functionName: 'leaseOf' }))
    expect(runsOutAt).toBe(await local.anvil.client.readContract({ ...read, functionName: 'runsOutAt' }))
  })

  it('are filtered by what the escrow says and not by whose ids were given', async () => {
    const lens = makeLens(chain)
    const all = [keccak256('0x01'), ...(await leaseIdsOf(chain, { node: 1 })), ...ids.slice(2)]
    expect(await lens.leases(all)).toHaveLength(MANY + 3)
    expect(stagesOf(await lens.leases(all, { node: 1, live: true }))).toEqual(['Active', 'Assigned'])
    expect(await lens.leases(all, { tenant: account(OTHER_TENANT) })).toHaveLength(1)
    expect(await lens.leases([])).toEqual([])
  })

  it('are found behind an RPC that refuses long ranges of logs, and not guessed when it refuses all', async () => {
    const proxy = await startRpcProxy(local.anvil.rpcUrl)
    try {
      for (const blocks of [350, 350]) await local.anvil.client.mine({ blocks })
      let most = 600n
      proxy.judge = ({ method, params }) => {
        if (method !== 'eth_getLogs') return 'forward'
        const { fromBlock, toBlock } = params![0] as { fromBlock: Hex; toBlock: Hex }
        return BigInt(toBlock) - BigInt(fromBlock) < most
          ? 'forward'
          : { error: { code: -32_602, message: 'range too wide' } }
      }
      const narrow = await connect({ urls: [proxy.url], deployment: local.deployment, retries: 0 })
      expect(await leaseIdsOf(narrow, { tenant: account(TENANT) })).toEqual(ids)
      most = 0n
      await expect(leaseIdsOf(narrow, { tenant: account(TENANT) })).rejects.toMatchObject({
        code: 'rpc-refused',
        message: expect.stringContaining('range too wide'),
      })
    } finally {
      await proxy.close()
    }
  })

  it('are listed on the command line', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'decloud-list-'))
    try {
      const file = join(directory, 'deployment.json')
      await writeDeployment(file, local.deployment)
      const key = bytesToHex(local.anvil.account(TENANT).getHdKey().privateKey!)
      const list = async (...args: string[]) => {
        const { stdout } = await promisify(execFile)(
          process.execPath,
          ['scripts/lease.ts', 'list', '--json', '--deployment', file, '--rpc', local.anvil.rpcUrl, ...args],
          { env: { ...process.env, DECLOUD_KEY: key }, timeout: 30_000 },
        )
        return JSON.parse(stdout) as { leaseId: Hex; stage: string }[]
      }
      expect((await list()).map(({ leaseId }) => leaseId)).toEqual(ids.slice(1))
      expect((await list('--all'))[0]).toMatchObject({ leaseId: closed, stage: 'Ended' })
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})

describe('a quote', () => {
  it('is the price of the lease that is then opened', async () => {
    const terms = local.terms(TENANT, 2, { vcpus: 3, memoryMiB: 1_537, diskGiB: 17, bandwidth: 2, tier: 3 })
    const quoted = await makeLens(chain).quote(terms, 2)
    expect(quoted).toMatchObject({ accepted: true, refusal: null, leaseId: await local.idOf(terms) })
    await local.escrow(TENANT, 'open', [terms, '0x'])
    const [opened] = await makeLens(chain).leases([quoted.leaseId])
    expect(opened!.lease.pricePerHour).toBe(quoted.pricePerHour)
    expect(quoted.pricePerHour).toBeGreaterThan(0n)
  })

  it('says why terms are refused, with the price where there is one', async () => {
    const lens = makeLens(chain)
    const dear = await lens.quote(local.terms(TENANT, 2, { maxPricePerHour: 1n }), 2)
    expect(dear.refusal?.message).toMatch(/^The node asks 0\.\d+ USDC an hour, more than the 0\.000001 USDC/)
    expect(dear.pricePerHour).toBeGreaterThan(1n)
    const nowhere = await lens.quote(local.terms(TENANT, 9), 9)
    expect(nowhere).toMatchObject({
      accepted: false,
      refusal: { message: 'Node 9 is not registered or takes no new leases.', hint: 'Choose another node.' },
    })
    await local.call(GUARDIAN, 'leaseDesk', 'pause', [])
    expect((await lens.quote(local.terms(TENANT, 2), 2)).refusal?.message).toContain('paused until')
    await local.call(GUARDIAN, 'leaseDesk', 'unpause', [])
  })

  it('knows what an account can pay with', async () => {
    const before = await makeLens(chain).account(account(TENANT))
    await local.escrow(TENANT, 'deposit', [5_000n])
    expect(await makeLens(chain).account(account(TENANT))).toEqual({
      balance: before.balance + 5_000n,
      wallet: before.wallet - 5_000n,
      allowance: before.allowance - 5_000n,
    })
  })

  it('is not to be had where no lens is', () => {
    const { deCloudLens: _, ...bare } = local.deployment
    expect(() => makeLens({ ...chain, deployment: bare })).toThrow('names no lens')
  })
})
