// The audit against real contracts: silent on true histories, exact about what was tampered with.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { leaseEscrowAbi, mockUSDCAbi } from '@decloud/protocol'
import fc from 'fast-check'
import {
  type Abi,
  type Address,
  encodeAbiParameters,
  getAddress,
  type Hex,
  keccak256,
  pad,
  parseAbi,
  toHex,
  zeroAddress,
} from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AGENT, KEEPER, type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import { audit } from '../../scripts/audit/audit.ts'
import { writeDeployment } from '../../scripts/deploy/record.ts'
import { deploySatellites } from '../../scripts/lib/deploy.ts'
import { LOCAL_CHAIN_ID } from '../world/anvil.ts'

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
const OTHER_TENANT = 5
const STRANGER = 8
const ATTESTER = 9
const FINGERPRINT = toHex(7, { size: 32 })
const HOUR = 3_600

const satelliteAbi = parseAbi([
  'function reviewNode(bytes32 leaseId, uint8 stars, string title, string comment)',
  'function attest(uint32 day, uint32 firstGroup, uint256[] words)',
  'function today() view returns (uint256)',
])
const usdcAbi = parseAbi([
  'function transfer(address to, uint256 amount) returns (bool)',
  'function blacklist(address account)',
])

let local: Local
let satellites: { reviews: Address; reputation: Address }
let directory: string
let file: string
let rpcUrl: string

beforeAll(async () => {
  local = await startLocal()
  rpcUrl = local.anvil.rpcUrl
  const owner = local.anvil.account(0).address
  const deployer = { wallet: local.anvil.wallet(0), reader: local.anvil.client }
  const attester = local.anvil.account(ATTESTER).address
  satellites = await deploySatellites(deployer, local.deployment, { owner, attester })
  for (const node of [1, 2]) {
    await local.register()
    const agent = local.anvil.account(agentOf(node)).address
    await local.anvil.client.setBalance({ address: agent, value: 10n ** 18n })
  }
  for (const tenant of [TENANT, OTHER_TENANT]) await local.fund(tenant, 10_000_000_000n)
  directory = await mkdtemp(join(tmpdir(), 'decloud-audit-'))
  file = join(directory, `${LOCAL_CHAIN_ID}.json`)
  await writeDeployment(file, local.deployment, satellites)
})
afterAll(async () => {
  await local?.stop()
  if (directory) await rm(directory, { recursive: true, force: true })
})

const send = async (index: number, address: Address, abi: Abi, functionName: string, args: unknown[]) => {
  const hash = await local.anvil.wallet(index).writeContract({ address, abi, functionName, args })
  await local.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
}

const run = (options: Partial<Parameters<typeof audit>[0]> = {}) =>
  audit({ deployment: local.deployment, satellites, rpcUrl, at: 'latest', onProgress: () => {}, ...options })

const leases: { id: Hex; tenant: number; node: number }[] = []

const open = async (tenant: number, node: number, terms: Parameters<Local['open']>[2] = {}) => {
  const id = await local.open(tenant, node, terms)
  leases.push({ id, tenant, node })
  return id
}
// `register` gives the first node the agent AGENT and the second one account 102.
const agentOf = (node: number) => (node === 1 ? AGENT : 100 + node)
const activate = (id: Hex, node = 1) => local.escrow(agentOf(node), 'activate', [id, FINGERPRINT])

const act = fc.record({
  kind: fc.constantFrom(
    ...['open', 'open', 'openFromBalance', 'activate', 'activate', 'activate', 'settle', 'settle', 'topUp'],
    ...[
      'topUpFromBalance',
      'close',
      'expire',
      'end',
      'deposit',
      'withdraw',
      'withdrawEarned',
      'time',
      'time',
    ],
    ...['runOut', 'policy', 'donate', 'payee', 'review', 'attest'],
  ),
  pick: fc.nat(1_000),
  amount: fc.bigInt(1n, 3_000_000n),
})
type Act = typeof act extends fc.Arbitrary<infer value> ? value : never

const leaseActs: Record<
  string,
  (act: Act, lease: (typeof leases)[number], tenant: number) => Promise<unknown>
> = {
  open: ({ pick, amount }, _, tenant) =>
    open(tenant, 1 + (pick % 2), {
      deposit: 300_000n + amount,
      holdBack: pick % 4_000,
      activateWithin: 60 + (pick % 600),
      vcpus: 1 + (pick % 3),
      tier: pick % 4,
      memoryMiB: 512 * (1 + (pick % 5)),
    }),
  openFromBalance: async ({ amount }, _, tenant) => {
    const terms = local.terms(tenant, 1, { deposit: 300_000n + amount })
    await local.escrow(tenant, 'openFromBalance', [terms, '0x1234'])
    leases.push({ id: await local.idOf(terms), tenant, node: 1 })
  },
  activate: (_, { id, node }) => activate(id, node),
  settle: ({ pick }) =>
    local.escrow(KEEPER, 'settle', [leases.slice(-(1 + (pick % 6))).flatMap(({ id }) => [id, id])]),
  topUp: ({ amount }, { id }) => local.escrow(TENANT, 'topUp', [id, amount]),
  topUpFromBalance: ({ amount }, { id }, tenant) => local.escrow(tenant, 'topUpFromBalance', [id, amount]),
  close: ({ pick }, { id, tenant }) =>
    local.escrow(tenant, 'close', [id, pick % 3 === 0 ? zeroAddress : local.anvil.account(STRANGER).address]),
  expire: (_, { id }) => local.escrow(KEEPER, 'expire', [id]),
  end: (_, { id }) => local.escrow(KEEPER, 'end', [id]),
  review: ({ pick }, { id, tenant }) =>
    send(tenant, satellites.reviews, satelliteAbi, 'reviewNode', [id, 1 + (pick % 5), 'good', '']),
}

const otherActs: Record<string, (act: Act, tenant: number) => Promise<unknown>> = {
  deposit: ({ amount }, tenant) => local.escrow(tenant, 'deposit', [amount]),
  withdraw: ({ amount }, tenant) =>
    local.escrow(tenant, 'withdraw', [local.anvil.account(tenant).address, amount / 3n + 1n]),
  withdrawEarned: ({ pick, amount }) =>
    local.escrow(pick % 2 === 0 ? 0 : OPERATOR, 'withdrawEarned', [
      pick % 2,
      local.anvil.account(STRANGER).address,
      amount / 100n + 1n,
    ]),
  time: ({ pick }) => local.anvil.moveTime(pick * 5),
  runOut: () => local.anvil.moveTime(80 * HOUR),
  policy: ({ pick }) => local.setPolicy(pick % 2 === 0 ? [12, 8, 6, 3] : [12, 10, 5, 2], pick % 1_500),
  donate: ({ amount }, tenant) =>
    send(tenant, local.deployment.usdc, usdcAbi, 'transfer', [local.deployment.leaseEscrow, amount]),
  payee: () => local.escrow(OPERATOR, 'proposePayee', [1, local.anvil.account(STRANGER).address]),
  attest: async ({ pick }) => {
    const today = await local.anvil.client.readContract({
      address: satellites.reputation,
      abi: satelliteAbi,
      functionName: 'today',
    })
    const day = Number(today) - 1 - (pick % 20)
    await send(ATTESTER, satellites.reputation, satelliteAbi, 'attest', [day, pick % 3, [BigInt(pick), 7n]])
  },
}

const perform = async (step: Act) => {
  const lease = leases[step.pick % Math.max(leases.length, 1)]!
  const tenant = step.pick % 2 === 0 ? TENANT : OTHER_TENANT
  try {
    await (leaseActs[step.kind]?.(step, lease, tenant) ?? otherActs[step.kind]!(step, tenant))
  } catch (error) {
    // What the contracts refuse in the state of the moment is part of a history.
    if (!/revert/i.test(String(error))) throw error
  }
}

/** One lease to each end and over a depleted gap, so that every run meets them whatever the seed. */
const everyEnd = async () => {
  await local.setPolicy([12, 8, 6, 3], 700)
  const terms = { deposit: 300_000n, holdBack: 1_000 }
  const [closed, cancelled, expired, depleted, revived, short] = [
    ...[await open(TENANT, 1, terms), await open(TENANT, 1, terms), await open(TENANT, 1, terms)],
    ...[await open(TENANT, 2, terms), await open(TENANT, 1, terms), await open(TENANT, 1, terms)],
  ] as [Hex, Hex, Hex, Hex, Hex, Hex]
  for (const id of [closed, revived, short]) await activate(id)
  await activate(depleted, 2)
  // Closed before its hold-back is over and under the node's minimum charge: nothing but the minimum is due.
  await local.escrow(TENANT, 'close', [short, zeroAddress])
  await local.anvil.moveTime(HOUR)
  await local.escrow(KEEPER, 'settle', [[closed, depleted, revived]])
  await local.escrow(TENANT, 'close', [closed, local.anvil.account(STRANGER).address])
  await local.escrow(TENANT, 'close', [cancelled, zeroAddress])
  await local.escrow(KEEPER, 'expire', [expired])
  await local.anvil.moveTime(100 * HOUR)
  await local.escrow(TENANT, 'topUp', [revived, 400_000n])
  await local.escrow(KEEPER, 'end', [depleted])
  await local.anvil.moveTime(500)
  await local.escrow(KEEPER, 'settle', [[closed, depleted, revived, short]])
  await send(TENANT, satellites.reviews, satelliteAbi, 'reviewNode', [closed, 4, 'good', 'as said'])
  await local.escrow(OPERATOR, 'withdrawEarned', [1, local.anvil.account(STRANGER).address, 1_000n])
  await local.escrow(TENANT, 'deposit', [5_000_000n])
  await local.escrow(TENANT, 'withdraw', [local.anvil.account(TENANT).address, 1n])
  return { closed, revived }
}

describe('a true history', () => {
  it('adds up over every end of a lease, a revival, a review and a donation', async () => {
    const { revived } = await everyEnd()
    const before = await run()
    expect(before.differences).toEqual([])
    expect(before.leases).toBe(leases.length)
    const lease = await local.anvil.client.readContract({
      address: local.deployment.leaseEscrow,
      abi: leaseEscrowAbi,
      functionName: 'leaseOf',
      args: [revived],
    })
    expect(lease.paidBefore).toBe(300_000n)
    await otherActs['donate']!({ kind: 'donate', pick: 0, amount: 123n }, TENANT)
    const after = await run()
    expect(after.differences).toEqual([])
    expect(after.donated - before.donated).toBe(123n)
    expect(after.obligations).toBe(before.obligations)
  })

  it(`adds up whatever happens (SEED=${seed})`, { timeout: 240_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 20, maxLength: 40 }), async (acts) => {
        for (const step of acts) await perform(step)
        expect((await run()).differences).toEqual([])
      }),
      { seed, numRuns: 8, endOnFailure: true },
    )
  })

  it('adds up at an earlier block too', async () => {
    const head = await local.anvil.client.getBlockNumber()
    const result = await run({ at: head - 30n })
    expect(result.block).toBe(head - 30n)
    expect(result.differences).toEqual([])
  })
})

/** `mapping(key => …)` at `slot`: where the value of `key` begins. */
const slotOf = (type: 'bytes32' | 'uint32' | 'address', key: unknown, slot: bigint): bigint =>
  BigInt(keccak256(encodeAbiParameters([{ type }, { type: 'uint256' }], [key as never, slot])))

const wordAt = async (address: Address, slot: bigint): Promise<bigint> =>
  BigInt((await local.anvil.client.getStorageAt({ address, slot: toHex(slot, { size: 32 }) })) ?? '0x0')

/** Finds a mapping by what it holds for one key: the layout may move without a word here. */
const findSlot = async (
  address: Address,
  type: Parameters<typeof slotOf>[0],
  key: unknown,
  holds: (word: bigint) => boolean,
): Promise<bigint> => {
  for (let mapping = 0n; mapping < 40n; mapping++) {
    const slot = slotOf(type, key, mapping)
    const word = await wordAt(address, slot)
    if (word !== 0n && holds(word)) return slot
  }
  throw new Error(`no mapping of ${address} holds that for ${key}`)
}

const low = (word: bigint, bits: bigint) => word & ((1n << bits) - 1n)
const leaseSlot = (id: Hex, tenant: number) =>
  findSlot(
    local.deployment.leaseEscrow,
    'bytes32',
    id,
    (word) => low(word, 160n) === BigInt(local.anvil.account(tenant).address),
  )
const read = (functionName: 'balanceOf' | 'earnedOf', args: readonly unknown[]) =>
  local.anvil.client.readContract({
    address: local.deployment.leaseEscrow,
    abi: leaseEscrowAbi as Abi,
    functionName,
    args,
  }) as Promise<bigint>
// Nobody withdraws for the second node, so that its first word is what it earned.
const nodeSlot = async () => {
  const earned = await read('earnedOf', [2])
  return findSlot(local.deployment.leaseEscrow, 'uint32', 2, (word) => low(word, 96n) === earned)
}

describe('a tampered storage', () => {
  let snapshot: Hex
  beforeEach(async () => {
    snapshot = await local.anvil.client.snapshot()
  })
  afterEach(async () => {
    await local.anvil.client.revert({ id: snapshot })
  })

  /** Adds to the word at `slot`. */
  const tamper = async (address: Address, slot: bigint, by: bigint) => {
    const value = toHex((await wordAt(address, slot)) + by, { size: 32 })
    await local.anvil.client.setStorageAt({ address, index: toHex(slot, { size: 32 }), value })
    await local.anvil.client.mine({ blocks: 1 })
  }

  it("names a lease's settled amount", async () => {
    const { id, tenant } = leases[0]!
    // Third slot of a lease, its lowest 64 bits.
    await tamper(local.deployment.leaseEscrow, (await leaseSlot(id, tenant)) + 2n, 1n)
    const { differences } = await run()
    expect(differences).toEqual([
      expect.objectContaining({ kind: 'storage', subject: `lease ${id}`, field: 'leaseOf.settled' }),
    ])
    expect(BigInt(differences[0]!.found) - BigInt(differences[0]!.expected)).toBe(1n)
  })

  it("names a node's earnings", async () => {
    await tamper(local.deployment.leaseEscrow, await nodeSlot(), 7n)
    const { differences } = await run()
    expect(differences).toEqual([
      expect.objectContaining({ kind: 'storage', subject: 'node 2', field: 'earnedOf' }),
    ])
    expect(BigInt(differences[0]!.found) - BigInt(differences[0]!.expected)).toBe(7n)
  })

  it("names an account's balance", async () => {
    const account = getAddress(local.anvil.account(TENANT).address)
    const balance = await read('balanceOf', [account])
    const slot = await findSlot(local.deployment.leaseEscrow, 'address', account, (word) => word === balance)
    await tamper(local.deployment.leaseEscrow, slot, 5n)
    const { differences } = await run()
    expect(differences).toEqual([
      expect.objectContaining({ kind: 'storage', subject: `account ${account}`, field: 'balanceOf' }),
    ])
  })

  it('names the capacity in use and the rating of a node', async () => {
    // Units in use begin above the 96 bits of the earnings.
    await tamper(local.deployment.leaseEscrow, await nodeSlot(), 1n << 96n)
    await tamper(satellites.reviews, await findSlot(satellites.reviews, 'uint32', 1, () => true), 1n)
    const fields = (await run()).differences.map(({ subject, field }) => `${subject} ${field}`)
    expect(fields).toEqual(['node 2 inUse.pointUnits', 'node 1 nodeRatingOf.sum'])
  })

  it('names USDC that left without a claim', async () => {
    const { leaseEscrow, usdc } = local.deployment
    await local.anvil.client.impersonateAccount({ address: leaseEscrow })
    await local.anvil.client.setBalance({ address: leaseEscrow, value: 10n ** 18n })
    const data = { abi: mockUSDCAbi, functionName: 'transfer', args: [zeroAddress, 1n] } as const
    await expect(
      local.anvil.client.simulateContract({ address: usdc, account: leaseEscrow, ...data }),
    ).rejects.toThrow()
    const to = local.anvil.account(STRANGER).address
    const hash = await local.anvil.client.request({
      method: 'eth_sendTransaction' as never,
      params: [
        {
          from: leaseEscrow,
          to: usdc,
          data: `0xa9059cbb${pad(to).slice(2)}${toHex(9, { size: 32 }).slice(2)}`,
        },
      ] as never,
    })
    await local.anvil.client.waitForTransactionReceipt({ hash: hash as Hex, timeout: 20_000 })
    const { differences } = await run()
    expect(differences).toContainEqual(
      expect.objectContaining({ kind: 'history', subject: 'escrow', found: '9', transaction: hash }),
    )
  })

  it('exits 1 from the command line, 0 without a difference, 2 when it cannot look', async () => {
    const main = (...args: string[]) =>
      promisify(execFile)(process.execPath, ['scripts/audit/main.ts', ...args], { timeout: 60_000 }).then(
        ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
        (error: { code: number; stdout: string; stderr: string }) => error,
      )
    const clean = await main('--rpc', rpcUrl, '--deployment', file, '--json')
    expect(clean.code, clean.stderr).toBe(0)
    expect(JSON.parse(clean.stdout).differences).toEqual([])

    const { id, tenant } = leases[0]!
    await tamper(local.deployment.leaseEscrow, (await leaseSlot(id, tenant)) + 2n, 1n)
    const tampered = await main('--rpc', rpcUrl, '--deployment', file)
    expect(tampered.code).toBe(1)
    expect(tampered.stdout).toMatch(
      new RegExp(`^lease ${id}: leaseOf.settled is \\d+ in storage, \\d+ by the logs$`, 'm'),
    )
    expect(tampered.stdout).toMatch(/^1 difference/m)
    expect(tampered.stderr).toContain('100 %')

    const nowhere = await main('--rpc', 'http://127.0.0.1:9', '--deployment', file)
    expect(nowhere.code).toBe(2)
    expect((await main('--rpc', rpcUrl, '--deployment', join(directory, 'absent.json'))).code).toBe(2)
    expect((await main()).code).toBe(2)
  })
})

/** An RPC in front of the chain: `before` sees each call and may answer an error in its place. */
const startProxy = async (
  before: (call: { method: string; params: unknown[] }) => Promise<string | undefined>,
) => {
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString())
    const answer = async (call: { id: number; method: string; params: unknown[] }) => {
      const refusal = await before(call)
      if (refusal !== undefined)
        return { jsonrpc: '2.0', id: call.id, error: { code: -32_005, message: refusal } }
      const upstream = await fetch(rpcUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(call),
      })
      return upstream.json()
    }
    const out = Array.isArray(body) ? await Promise.all(body.map(answer)) : await answer(body)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(out))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('an RPC that makes it hard', () => {
  it('is asked for smaller ranges when it refuses large ones', async () => {
    const spans: bigint[] = []
    await using proxy = await startProxy(async ({ method, params }) => {
      if (method !== 'eth_getLogs') return undefined
      const { fromBlock, toBlock } = params[0] as { fromBlock: Hex; toBlock: Hex }
      const span = BigInt(toBlock) - BigInt(fromBlock) + 1n
      if (span > 50n) return 'query exceeds max block range 50'
      spans.push(span)
      return undefined
    })
    expect((await run({ rpcUrl: proxy.url })).differences).toEqual([])
    expect(spans.length).toBeGreaterThan(6)
  })

  it('gives up with a sentence when it refuses a single block', { timeout: 60_000 }, async () => {
    await using proxy = await startProxy(async ({ method }) =>
      method === 'eth_getLogs' ? 'no logs here' : undefined,
    )
    await expect(run({ rpcUrl: proxy.url })).rejects.toMatchObject({
      code: 'rpc-failed',
      message: expect.stringContaining('no logs here'),
    })
  })

  it('is read again when the chain is reorganised between logs and storage', async () => {
    await local.escrow(TENANT, 'deposit', [77n])
    let moved = false
    await using proxy = await startProxy(async ({ method }) => {
      if (method === 'eth_call' && !moved) {
        moved = true
        await local.reorg(1)
        await local.anvil.client.mine({ blocks: 2 })
      }
      return undefined
    })
    const lines: string[] = []
    const result = await run({ rpcUrl: proxy.url, onProgress: (line) => lines.push(line) })
    expect(lines).toContain('the chain was reorganised: reading it again')
    expect(result.differences).toEqual([])
  })
})
