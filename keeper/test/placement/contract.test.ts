// The filters against the contract: LeaseDesk.quote is asked about every node and every request, and must agree.
import { leaseDeskAbi, pricePolicyAbi } from '@decloud/protocol'
import { BaseError, ContractFunctionRevertedError, decodeErrorResult, type Hex, keccak256, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Local, OPERATOR, startLocal, TENANT } from '../../../chain/test/local.ts'
import { judge } from '../../src/domain/placement/filters.ts'
import { askedOf } from '../../src/domain/placement/needs.ts'
import { isRefusal, type RefusalCode } from '../../src/domain/placement/refusal.ts'
import type { PlacementNode, PlacementRequest } from '../../src/domain/placement/types.ts'
import type { Keeper } from '../../src/index.ts'
import { type Harness, makeHarness } from '../harness.ts'
import { makeRandom, type Random, regionOf, wildRequest } from './worlds.ts'

const SEED = Number(process.env['PLACEMENT_SEED'] ?? Date.now() % 1_000_000)
const REQUESTS = Number(process.env['PLACEMENT_REQUESTS'] ?? 120)
const NODES = 16

let local: Local
let harness: Harness
let keeper: Keeper
const random = makeRandom(SEED)

const registration = (nth: number) => ({
  machineId: keccak256(toHex(`placement ${nth}`)),
  agent: local.anvil.account(200 + nth).address,
  sealingKey: keccak256(toHex(nth)),
  region: regionOf(random.int(1, 3)),
  minCharge: random.pick([0, 1, 60, 61, 300]),
  notice: random.pick([0, 3_600, 86_400]),
  capacity: {
    pointUnits: BigInt(random.pick([12, 100, 480, 70_000])),
    memoryMiB: BigInt(random.pick([2_048, 6_000, 64_000, 2 ** 33])),
    diskGiB: BigInt(random.pick([20, 1_000, 70_000])),
    gpus: random.int(0, 3),
  },
  prices: random.once(3)
    ? { point: 0n, memoryGiB: 0n, diskGiB: 0n, gpu: 0n }
    : {
        point: BigInt(random.pick([5_000, 12_000, 2 ** 40 - 1])),
        memoryGiB: BigInt(random.int(2_500, 20_000)),
        diskGiB: BigInt(random.int(50, 900)),
        gpu: BigInt(random.int(50_000, 400_000)),
      },
  endpoint: '',
})

beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
  await local.fund(TENANT, 10_000_000_000n)
  for (let nth = 1; nth <= NODES; nth++) await local.registry(OPERATOR, 'register', [registration(nth)])
  // Leases under one policy stay in its units when the policy moves.
  for (let node = 1; node <= NODES; node++) {
    const small = {
      vcpus: 1,
      tier: 3,
      memoryMiB: 512,
      diskGiB: 5,
      maxPricePerHour: 2n ** 60n,
      deposit: 9_000_000n,
    }
    if (random.once(2)) await local.open(TENANT, node, small).catch(() => null)
  }
  await local.setPolicy([12, 7, 5, 1], 1_500)
  for (const node of [2, 5]) await local.registry(OPERATOR, 'setActive', [node, false])
  // Lower than what is in use, at times.
  await local.registry(OPERATOR, 'setCapacity', [3, { pointUnits: 1n, memoryMiB: 1n, diskGiB: 1n, gpus: 0 }])
  keeper = await harness.boot({}, null)
  await keeper.synced()
})
afterAll(async () => {
  await harness?.close()
  await local?.stop()
})

const CODES: Readonly<Record<string, RefusalCode>> = {
  LeaseEscrow_NodeNotActive: 'drained',
  LeaseEscrow_NoticeTooShort: 'notice',
  LeaseEscrow_RegionMismatch: 'region',
  LeaseEscrow_PriceAboveMaximum: 'price',
  LeaseEscrow_PriceOutOfRange: 'price-range',
  LeaseEscrow_DepositTooSmall: 'runway',
  PricePolicy_UnknownTier: 'tier',
  PricePolicy_UnknownBandwidth: 'bandwidth',
  pointUnits: 'vcpus',
  memoryMiB: 'memory-size',
  diskGiB: 'disk-size',
  holdBack: 'hold-back',
  activateWithin: 'activate-within',
}

/** The contract's answer as one of our codes, `null` when it quotes a price. */
const askContract = async (request: PlacementRequest, node: number): Promise<string | null> => {
  const { leaseId, terms, deposited } = request
  try {
    await local.anvil.client.readContract({
      ...{ address: local.deployment.leaseDesk, abi: [...leaseDeskAbi, ...pricePolicyAbi] },
      functionName: 'quote',
      args: [leaseId, terms, node, deposited, false],
    })
    return null
  } catch (error) {
    return codeOf(error)
  }
}
const codeOf = (error: unknown): string => {
  const revert =
    error instanceof BaseError ? error.walk((e) => e instanceof ContractFunctionRevertedError) : null
  if (!(revert instanceof ContractFunctionRevertedError) || revert.raw === undefined) throw error
  const abi = [...leaseDeskAbi, ...pricePolicyAbi]
  const { errorName, args } = decodeErrorResult({ abi, data: revert.raw as Hex })
  // These two carry the name of the resource or the term.
  if (errorName === 'LeaseEscrow_NoCapacity') return String(args[1])
  return CODES[errorName === 'LeaseEscrow_TermOutOfRange' ? String(args[0]) : errorName] ?? errorName
}

const nodesOf = (source: Keeper): PlacementNode[] =>
  source.ledger.nodes().map((row) => ({
    ...row,
    ...{ tags: [], online: true, uptimeBps: null, activated: 0, lapsed: 0 },
  }))

/** Requests near the sizes of the nodes, so that each filter decides some of them. */
const requestOf = (chance: Random, nth: number): PlacementRequest => {
  const request = wildRequest(chance, nth)
  const usual = { tier: chance.int(0, 3), bandwidth: chance.int(0, 3), holdBack: 60, activateWithin: 900 }
  const sized = { vcpus: chance.int(1, 9), memoryMiB: chance.int(256, 6_000), diskGiB: chance.int(1, 30) }
  const terms = chance.once(4) ? request.terms : { ...request.terms, ...usual, ...sized }
  return { ...request, terms, tags: [], avoid: [] }
}

describe('the filters', () => {
  it(`agree with LeaseDesk.quote: ${REQUESTS} requests on ${NODES} nodes from seed ${SEED}`, async () => {
    const nodes = nodesOf(keeper)
    const policy = keeper.ledger.policy()!
    expect(nodes).toHaveLength(NODES)
    const seen = new Map<string, number>()
    for (let nth = 0; nth < REQUESTS; nth++) {
      const request = requestOf(random, nth)
      const asked = askedOf(request, policy, { blockHash: '0x', timestamp: 0 })
      const answers = await Promise.all(nodes.map(({ node }) => askContract(request, node)))
      nodes.forEach((node, at) => {
        const verdict = isRefusal(asked) ? asked : judge(node, request, asked, policy)
        const where = `seed ${SEED}, request ${nth}, node ${node.node}`
        const answer = answers[at]!
        if (!isRefusal(verdict)) expect(answer, where).toBeNull()
        // What no node takes is refused for that, or for something about the node that the contract looks at first.
        else if (isRefusal(asked)) expect(answer, where).not.toBeNull()
        else expect(answer, where).toBe(verdict.refused)
        const code = isRefusal(verdict) ? verdict.refused : 'accepted'
        seen.set(code, (seen.get(code) ?? 0) + 1)
      })
    }
    const decided = [
      'accepted',
      'drained',
      'notice',
      'region',
      'price',
      'compute',
      'memory',
      'disk',
      'gpu',
      'runway',
    ]
    for (const code of decided) expect(seen.get(code) ?? 0, `cases decided by ${code}`).toBeGreaterThan(0)
  }, 120_000)
})
