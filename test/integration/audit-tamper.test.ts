// A storage that was tampered with: the audit names exactly what differs, and nothing else.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { leaseEscrowAbi, mockUSDCAbi } from '@decloud/protocol'
import {
  type Abi,
  type Address,
  encodeAbiParameters,
  encodeFunctionData,
  getAddress,
  type Hex,
  keccak256,
  toHex,
} from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TENANT } from '../../chain/test/local.ts'
import {
  closeMarket,
  directory,
  everyEnd,
  file,
  leases,
  local,
  openMarket,
  rpcUrl,
  run,
  STRANGER,
} from './audit-market.ts'

beforeAll(async () => {
  await openMarket()
  await everyEnd()
})
afterAll(closeMarket)

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
    const { reviews } = local.deployment
    await tamper(reviews, await findSlot(reviews, 'uint32', 1, () => true), 1n)
    const fields = (await run()).differences.map(({ subject, field }) => `${subject} ${field}`)
    expect(fields).toEqual(['node 2 inUse.pointUnits', 'node 1 nodeRatingOf.sum'])
  })

  it('names USDC that left without a claim', async () => {
    const { leaseEscrow, usdc } = local.deployment
    await local.anvil.client.impersonateAccount({ address: leaseEscrow })
    await local.anvil.client.setBalance({ address: leaseEscrow, value: 10n ** 18n })
    const to = local.anvil.account(STRANGER).address
    const data = encodeFunctionData({ abi: mockUSDCAbi, functionName: 'transfer', args: [to, 9n] })
    const params = [{ from: leaseEscrow, to: usdc, data }] as never
    const hash: Hex = await local.anvil.client.request({ method: 'eth_sendTransaction' as never, params })
    await local.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
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
    expect(tampered.stdout).toMatch(/^1 difference$/m)
    expect(tampered.stderr).toContain('100 %')

    const nowhere = await main('--rpc', 'http://127.0.0.1:9', '--deployment', file)
    expect(nowhere.code).toBe(2)
    expect((await main('--rpc', rpcUrl, '--deployment', join(directory, 'absent.json'))).code).toBe(2)
    expect((await main()).code).toBe(2)
  })
})
