// A storage that was tampered with: the audit names exactly what differs, and nothing else.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { leaseEscrowAbi, mockUSDCAbi } from '@decloud/protocol'
import { type Abi, type Address, encodeFunctionData, getAddress, type Hex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ATTESTERS, GUARDIAN, KEEPER, OPERATOR, TENANT } from '../../chain/test/local.ts'
import type { FullDeployment } from '../../scripts/lib/deploy.ts'
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
import { everyPath } from './audit-paths.ts'
import { findSlot, isAddress, type Key, low, tamper } from './tamper.ts'

let ids: Awaited<ReturnType<typeof everyPath>>
beforeAll(async () => {
  await openMarket()
  await everyEnd()
  ids = await everyPath()
})
afterAll(closeMarket)

const tenantOf = () => getAddress(local.anvil.account(TENANT).address)
const leaseSlot = (id: Hex) =>
  findSlot(local.deployment.leaseEscrow, [['bytes32', id]], isAddress(tenantOf()))
const read = (functionName: 'balanceOf' | 'earnedOf', args: readonly unknown[]) =>
  local.anvil.client.readContract({
    address: local.deployment.leaseEscrow,
    abi: leaseEscrowAbi as Abi,
    functionName,
    args,
  }) as Promise<bigint>
// Nobody withdraws for the second node, so that the lowest 80 bits of its first word are what it earned.
const nodeSlot = async () => {
  const earned = await read('earnedOf', [2])
  return findSlot(local.deployment.leaseEscrow, [['uint32', 2]], (word) => low(word, 80n) === earned)
}

type Tampering = {
  what: string
  at: () => Promise<readonly [contract: Address, slot: bigint]>
  /** Added to the word. */
  by: bigint
  /** Each difference that the audit has to name, and no other. */
  names: () => readonly string[]
}

/** A slot of a lease; see LeaseRecord.sol. */
const lease = (what: string, id: () => Hex, slot: bigint, shift: bigint, field: string): Tampering => ({
  what,
  at: async () => [local.deployment.leaseEscrow, (await leaseSlot(id())) + slot],
  by: 1n << shift,
  names: () => [`lease ${id()} ${field}`],
})
const node = (what: string, slot: bigint, shift: bigint, ...names: string[]): Tampering => ({
  what,
  at: async () => [local.deployment.leaseEscrow, (await nodeSlot()) + slot],
  by: 1n << shift,
  names: () => names.map((name) => `node 2 ${name}`),
})
const held = (
  what: string,
  contract: keyof FullDeployment,
  keys: () => readonly Key[],
  holds: (word: bigint) => boolean,
  by: bigint,
  names: () => readonly string[],
): Tampering => ({
  what,
  at: async () => {
    const address = local.deployment[contract] as Address
    return [address, await findSlot(address, keys(), holds)]
  },
  by,
  names,
})
const anything = () => true
const account = (index: number) => getAddress(local.anvil.account(index).address)

const TAMPERINGS: readonly Tampering[] = [
  lease('a settled amount', () => ids.relayed, 2n, 0n, 'leaseOf.settled'),
  lease('what was paid in', () => ids.relayed, 1n, 0n, 'leaseOf.deposited'),
  lease('the relay that is paid', () => ids.relayed, 1n, 152n, 'leaseOf.relay'),
  lease('seconds credited', () => ids.credited, 2n, 208n, 'leaseOf.credited'),
  lease('what a credit left of an earlier segment', () => ids.dry, 2n, 64n, 'leaseOf.paidBefore'),
  lease('the start of a segment', () => ids.dry, 2n, 128n, 'leaseOf.startedAt'),
  lease('until when a request waits', () => ids.waiting, 0n, 160n, 'leaseOf.activateBy'),
  lease('from when a node may be reclaimed', () => ids.announced, 3n, 32n, 'reclaimableFrom'),
  lease('a fee that is held', () => ids.held, 4n, 208n, 'templateFeeOf.1'),
  lease('a fee that was paid', () => ids.released, 4n, 208n, 'templateFeeOf.1'),
  lease('a refund window', () => ids.held, 4n, 240n, 'templateFeeOf.2'),
  lease('the template of a lease', () => ids.held, 4n, 160n, 'templateOf.0'),
  node('what a relay earned', 0n, 0n, 'earnedOf'),
  node('compute in use', 0n, 80n, 'inUse.pointUnits'),
  node('memory in use', 0n, 112n, 'inUse.memoryMiB'),
  node('leases hosted', 0n, 192n, 'nodeCounters.0', 'countersOf.0'),
  node('leases completed', 0n, 224n, 'nodeCounters.1', 'countersOf.1'),
  node('a payee', 1n, 0n, 'payeeOf'),
  node('what was withdrawn', 1n, 160n, 'earnedOf'),
  node('an operator', 2n, 0n, 'operatorOf'),
  held(
    'bounds of a renewal',
    'leaseMandates',
    () => [['bytes32', ids.renewed]],
    anything,
    1n << 64n,
    () => [`lease ${ids.renewed} renewalOf.budget`],
  ),
  held(
    'a used nonce',
    'leaseMandates',
    // One word of a bitmap holds 256 nonces; the second of them is taken back.
    () => [
      ['address', tenantOf()],
      ['uint256', 0n],
    ],
    anything,
    -(1n << 2n),
    () => [`account ${tenantOf()} isNonceUsed`],
  ),
  held(
    'the guardian',
    'leaseDesk',
    () => [],
    // Beside the guardian lies from when it may pause again.
    (word) => isAddress(account(GUARDIAN))(word) && word >> 160n !== 0n,
    1n,
    () => ['desk guardian'],
  ),
  held(
    'the scheduler',
    'leaseDesk',
    () => [],
    (word) => isAddress(account(KEEPER))(word),
    1n,
    () => ['desk scheduler'],
  ),
  held(
    'the quorum',
    'downtimeQuorum',
    () => [],
    (word) => word === 2n,
    1n,
    () => ['quorum quorum'],
  ),
  held(
    'the fee of a version',
    'templateRegistry',
    () => [
      ['uint32', 1],
      ['uint32', 1],
    ],
    anything,
    1n,
    () => ['template 1 versionAt.fee'],
  ),
  held(
    'the author of a template',
    'templateRegistry',
    () => [['uint32', 1]],
    (word) => word >> 160n === 1n,
    1n,
    () => ['template 1 templateAt.author'],
  ),
  held(
    'a day of uptime',
    'reputation',
    () => [
      ['address', account(ATTESTERS[0])],
      ['uint32', ids.attestedDay],
      ['uint32', 0],
    ],
    anything,
    1n,
    () => [`attester ${account(ATTESTERS[0])} wordOf`],
  ),
  held(
    'a rating of a node',
    'reviews',
    () => [['uint32', 1]],
    anything,
    1n,
    () => ['node 1 nodeRatingOf.sum'],
  ),
  held(
    'a stake',
    'premiumStake',
    () => [
      ['uint32', 1],
      ['address', account(OPERATOR)],
    ],
    anything,
    1n,
    () => [`stake of ${account(OPERATOR)} for node 1 stakeOf.bonded`],
  ),
]

describe('a tampered storage', () => {
  let snapshot: Hex
  beforeEach(async () => {
    snapshot = await local.anvil.client.snapshot()
  })
  afterEach(async () => {
    await local.anvil.client.revert({ id: snapshot })
  })

  it.each(TAMPERINGS)('is named where it lies: $what', async ({ at, by, names }) => {
    await tamper(...(await at()), by)
    const { differences } = await run()
    expect(differences.map(({ kind, subject, field }) => `${kind} ${subject} ${field}`).sort()).toEqual(
      names()
        .map((name) => `storage ${name}`)
        .sort(),
    )
  })

  it("says by how much an account's balance differs", async () => {
    const balance = await read('balanceOf', [tenantOf()])
    const { leaseEscrow } = local.deployment
    await tamper(
      leaseEscrow,
      await findSlot(leaseEscrow, [['address', tenantOf()]], (word) => word === balance),
      5n,
    )
    const { differences } = await run()
    expect(differences).toEqual([
      expect.objectContaining({ kind: 'storage', subject: `account ${tenantOf()}`, field: 'balanceOf' }),
    ])
    expect(BigInt(differences[0]!.found) - BigInt(differences[0]!.expected)).toBe(5n)
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

    const { id } = leases[0]!
    await tamper(local.deployment.leaseEscrow, (await leaseSlot(id)) + 2n, 1n)
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
