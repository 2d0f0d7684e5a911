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

/** A slot of node 3, or of the one behind it, in the registry; see NodeRegistry.Node. */
const listing = (
  what: string,
  slot: bigint,
  by: bigint,
  name: string,
  node: () => number = () => 3,
): Tampering => ({
  what,
  at: async () => {
    const { nodeRegistry } = local.deployment
    const first = await findSlot(nodeRegistry, [['uint32', node()]], isAddress(account(OPERATOR)))
    return [nodeRegistry, first + slot]
  },
  by,
  names: () => [`node ${node()} ${name}`],
})
const attributeKey = () =>
  keccak256(
    encodeAbiParameters(
      [{ type: 'uint32' }, { type: 'bytes32' }, { type: 'address' }],
      [3, ids.attribute, account(STRANGER)],
    ),
  )

const TAMPERINGS: readonly Tampering[] = [
  listing('who operates a node', 0n, 1n, 'offer.operator'),
  listing('where it stands', 0n, 1n << 160n, 'offer.region'),
  listing('the relay it chose', 0n, 1n << 224n, 'offer.relay', () => ids.fourth),
  listing('its agent', 1n, 1n, 'offer.agent'),
  listing('the notice it gives', 1n, 1n << 192n, 'offer.notice'),
  listing("a relay's cut", 1n, 1n << 232n, 'offer.relayBps', () => ids.fourth),
  listing('whether it takes leases', 1n, -(1n << 248n), 'offer.active'),
  listing('its capacity', 2n, 1n, 'offer.capacity'),
  listing('its prices', 2n, 1n << 88n, 'offer.prices'),
  listing('its sealing key', 3n, 1n, 'sealingKeyOf.0'),
  listing('the epoch of that', 4n, 1n << 160n, 'sealingKeyOf.1'),
  listing('who is to operate it', 4n, 1n, 'pendingOperatorOf'),
  listing('places behind it', 4n, 1n << 192n, 'relayOfferOf.0'),
  listing('nodes behind it', 4n, 1n << 208n, 'relayOfferOf.1'),
  listing('whether it needs a relay', 4n, -(1n << 224n), 'networkOf.1'),
  listing('its tunnel key', 5n, 1n, 'networkOf.0'),
  held(
    'how many nodes there are',
    'nodeRegistry',
    () => [],
    (word) => word === BigInt(ids.fourth),
    1n,
    () => ['registry nodeCount'],
  ),
  held(
    'the node of an agent',
    'nodeRegistry',
    () => [['address', account(110)]],
    anything,
    1n,
    () => [`agent ${account(110)} nodeOfAgent`],
  ),
  held(
    'until when an auditor vouches',
    'nodeRegistry',
    () => [['bytes32', attributeKey()]],
    anything,
    1n << 40n,
    () => [`attribute ${ids.attribute} of node 3 by ${account(STRANGER)} attributeExpiry`],
  ),
  {
    what: 'the level of a collaborator',
    at: async () => {
      const { leaseAccess } = local.deployment
      const list = await findSlot(leaseAccess, [['bytes32', ids.shared]], (word) => word === 2n)
      // The revocation moved the last one, the keeper, to the first place.
      return [leaseAccess, BigInt(keccak256(toHex(list, { size: 32 })))]
    },
    by: 1n << 160n,
    names: () => [`lease ${ids.shared} levelOf`, `lease ${ids.shared} collaboratorsOf.${account(KEEPER)}`],
  },
  held(
    'that there is one collaborator more',
    'leaseAccess',
    () => [['bytes32', ids.shared]],
    (word) => word === 2n,
    -1n,
    () => [`lease ${ids.shared} levelOf`, `lease ${ids.shared} collaboratorsOf.${account(STRANGER)}`],
  ),
  held(
    'which manifest is the latest',
    'leaseAccess',
    () => [['bytes32', ids.shared]],
    (word) => word === 72n,
    1n,
    () => [`lease ${ids.shared} manifestOf.manifestHash`],
  ),
  held(
    'the manifest of a lease that is over',
    'leaseAccess',
    () => [['bytes32', ids.over]],
    (word) => word === 80n,
    1n,
    () => [`lease ${ids.over} manifestOf.manifestHash`],
  ),
  held(
    "a collaborator's key",
    'leaseAccess',
    () => [['address', account(STRANGER)]],
    anything,
    1n,
    () => [
      `account ${account(STRANGER)} sealingKeyOf.0`,
      `lease ${ids.shared} collaboratorsOf.${account(STRANGER)}`,
    ],
  ),
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
  held(
    'the owner of a payout',
    'payouts',
    () => [['uint32', 1]],
    anything,
    1n,
    () => ['payout of node 1 payoutOf.owner'],
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

  it('holds a lease against the prices of its node in that moment, by the logs', async () => {
    const { nodeRegistry } = local.deployment
    const slot = await findSlot(nodeRegistry, [['uint32', 3]], isAddress(account(OPERATOR)))
    await tamper(nodeRegistry, slot + 2n, 1_000n << 88n)
    const id = await local.open(TENANT, 3)
    const { differences } = await run()
    expect(differences.map(({ kind, subject, field }) => `${kind} ${subject} ${field}`)).toEqual([
      `history lease ${id} LeaseAssigned.pricePerHour`,
      'storage node 3 offer.prices',
    ])
    // Eight of twelve point-units, rounded up.
    expect(BigInt(differences[0]!.found) - BigInt(differences[0]!.expected)).toBe(667n)
  })

  it('holds keys and manifests against those before them', async () => {
    const { nodeRegistry, leaseAccess } = local.deployment
    const slot = await findSlot(nodeRegistry, [['uint32', 3]], isAddress(account(OPERATOR)))
    await tamper(nodeRegistry, slot + 4n, 1n << 160n)
    const manifest = await findSlot(leaseAccess, [['bytes32', ids.shared]], (word) => word === 72n)
    await tamper(leaseAccess, manifest + 1n, 1n)
    const key = toHex(9, { size: 32 })
    await local.registry(OPERATOR, 'setSealingKey', [3, key])
    await local.call(TENANT, 'leaseAccess', 'postManifest', [ids.shared, 4, key, '0x01'])
    const { differences } = await run()
    expect(differences).toEqual([
      expect.objectContaining({ field: 'SealingKeyChanged.epoch', expected: '3', found: '4' }),
      expect.objectContaining({ field: 'ManifestPosted.version', expected: '3', found: '4' }),
    ])
  })

  it('holds an order against the levels that were granted', async () => {
    const { leaseAccess } = local.deployment
    const list = await findSlot(leaseAccess, [['bytes32', ids.shared]], (word) => word === 2n)
    // The User that took the first place, made a Manager for one order.
    const grant = BigInt(keccak256(toHex(list, { size: 32 })))
    await tamper(leaseAccess, grant, 1n << 160n)
    await local.call(KEEPER, 'leaseAccess', 'order', [ids.shared, 2])
    await tamper(leaseAccess, grant, -(1n << 160n))
    const { differences } = await run()
    expect(differences).toEqual([
      expect.objectContaining({ field: expect.stringContaining('ordered as the tenant or a Manager') }),
    ])
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
