// The market that the audit's tests are about: what may happen on it, and each thing that has to happen once.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reputationAbi } from '@decloud/protocol'
import fc from 'fast-check'
import { type Abi, type Address, type Hex, parseAbi, toHex, zeroAddress } from 'viem'
import { type Life, makeLife } from '../../chain/test/life.ts'
import {
  AGENT,
  ATTESTERS,
  GUARDIAN,
  KEEPER,
  type Local,
  OPERATOR,
  startLocal,
  TENANT,
} from '../../chain/test/local.ts'
import { audit } from '../../scripts/audit/audit.ts'
import { writeDeployment } from '../../scripts/deploy/record.ts'
import { LOCAL_CHAIN_ID } from '../world/anvil.ts'

export const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
const OTHER_TENANT = 5
export const STRANGER = 8
const FINGERPRINT = toHex(7, { size: 32 })
const HOUR = 3_600

const usdcAbi = parseAbi([
  'function transfer(address to, uint256 amount) returns (bool)',
  'function blacklist(address account)',
])

export let local: Local
export let life: Life
export let directory: string
export let file: string
export let rpcUrl: string

/** A chain, the contracts, three nodes, two tenants with money, and the deployment file of all that. */
export const openMarket = async () => {
  local = await startLocal()
  rpcUrl = local.anvil.rpcUrl
  for (const node of [1, 2, 3]) {
    await local.register()
    const agent = local.anvil.account(agentOf(node)).address
    await local.anvil.client.setBalance({ address: agent, value: 10n ** 18n })
  }
  for (const tenant of [TENANT, OTHER_TENANT]) await local.fund(tenant, 10_000_000_000n)
  life = await makeLife(local, OTHER_TENANT)
  directory = await mkdtemp(join(tmpdir(), 'decloud-audit-'))
  file = join(directory, `${LOCAL_CHAIN_ID}.json`)
  await writeDeployment(file, local.deployment)
}

export const closeMarket = async () => {
  await local?.stop()
  if (directory) await rm(directory, { recursive: true, force: true })
}

/** Sends a call of any contract and waits for it. */
export const send = async (
  index: number,
  address: Address,
  abi: Abi,
  functionName: string,
  args: unknown[],
) => {
  const hash = await local.anvil.wallet(index).writeContract({ address, abi, functionName, args })
  await local.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
}

/** An audit of this market. */
export const run = (options: Partial<Parameters<typeof audit>[0]> = {}) =>
  audit({ deployment: local.deployment, rpcUrl, at: 'latest', onProgress: () => {}, ...options })

export const leases: { id: Hex; tenant: number; node: number }[] = []

const open = async (tenant: number, node: number, terms: Parameters<Local['open']>[2] = {}) => {
  const id = await local.open(tenant, node, terms)
  leases.push({ id, tenant, node })
  return id
}
// `register` gives the first node the agent AGENT and the second one account 102.
const agentOf = (node: number) => (node === 1 ? AGENT : 100 + node)
export const activate = (id: Hex, node = 1) => local.escrow(agentOf(node), 'activate', [id, FINGERPRINT])

export const act = fc.record({
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
    ...['request', 'assign', 'assign', 'templated', 'stack', 'credit', 'credit', 'vote', 'chooseRelay'],
    ...[
      'switchRelay',
      'startReclaim',
      'reclaim',
      'releaseFee',
      'autoRenew',
      'renew',
      'reviewTemplate',
      'pause',
    ],
    ...['grant', 'grant', 'revoke', 'manifest', 'order', 'prices', 'capacity', 'drop', 'sealing'],
  ),
  pick: fc.nat(1_000),
  amount: fc.bigInt(1n, 3_000_000n),
})
type Act = typeof act extends fc.Arbitrary<infer value> ? value : never

const collaboratorOf = (pick: number) => local.anvil.account([AGENT, KEEPER, STRANGER][pick % 3]!).address

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
  request: async ({ pick, amount }, _, tenant) => {
    const id = await life.request(tenant, { deposit: 300_000n + amount, activateWithin: 60 + pick })
    leases.push({ id, tenant, node: 1 })
  },
  assign: async ({ pick }) => {
    const terms = life.requests[pick % Math.max(life.requests.length, 1)]
    if (terms !== undefined) await life.assign(terms, 1)
  },
  templated: ({ amount }, _, tenant) =>
    open(tenant, 1, life.templated({ deposit: 400_000n + amount, holdBack: 900 })),
  stack: async ({ pick }, _, tenant) => {
    const opened = await life.openStack(tenant, 1, 1 + (pick % 3), pick % 2 === 0)
    leases.push(...opened.map((id) => ({ id, tenant, node: 1 })))
  },
  credit: ({ pick }, { id }) => life.credit(id, 1 + pick * 4),
  vote: ({ pick }, { id }) => life.vote(id, 1 + pick),
  switchRelay: ({ pick }, { id }) => life.switchRelay([id], 1 + (pick % 3)),
  startReclaim: (_, { id }) => life.startReclaim(id),
  reclaim: (_, { id }) => life.reclaim(id),
  releaseFee: (_, { id }) => life.releaseFee(id),
  autoRenew: ({ pick, amount }, { id, tenant }) =>
    life.setAutoRenew(tenant, id, amount, amount * 3n, pick * 9),
  renew: (_, { id }) => life.renew(id),
  reviewTemplate: ({ pick }, { id, tenant }) =>
    local.call(tenant, 'reviews', 'reviewTemplate', [id, 1 + (pick % 5), '', 'fine']),
  grant: ({ pick }, { id, tenant }) =>
    local.call(tenant, 'leaseAccess', 'grant', [id, collaboratorOf(pick), 1 + (pick % 3)]),
  revoke: ({ pick }, { id, tenant }) =>
    local.call(tenant, 'leaseAccess', 'revoke', [id, collaboratorOf(pick)]),
  manifest: ({ pick }, { id, tenant }) =>
    local.call(tenant, 'leaseAccess', 'postManifest', [id, 1 + (pick % 2), FINGERPRINT, '0x1234']),
  order: ({ pick }, { id, tenant }) => local.call(tenant, 'leaseAccess', 'order', [id, 1 + (pick % 5)]),
  review: ({ pick }, { id, tenant }) =>
    local.call(tenant, 'reviews', 'reviewNode', [id, 1 + (pick % 5), 'good', '']),
}

export const otherActs: Record<string, (act: Act, tenant: number) => Promise<unknown>> = {
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
  chooseRelay: ({ pick }) => life.chooseRelay(pick % 4 === 0 ? 0 : 2 + (pick % 2)),
  prices: ({ pick }) => {
    const step = BigInt(pick % 3)
    const own = { point: 6_000n * step, memoryGiB: 3_000n * step, diskGiB: 60n * step, gpu: 60_000n * step }
    return local.registry(OPERATOR, 'setPrices', [1 + (pick % 2), own])
  },
  capacity: ({ pick }) =>
    local.registry(OPERATOR, 'setCapacity', [
      2,
      { pointUnits: 12n + BigInt(pick * 20), memoryMiB: 1_000_000n, diskGiB: 60_000n, gpus: pick % 3 },
    ]),
  drop: ({ pick }) => local.registry(OPERATOR, 'dropRelayed', [2 + (pick % 2), [1, 2]]),
  sealing: async ({ pick }, tenant) => {
    await local.call(tenant, 'leaseAccess', 'setSealingKey', [toHex(1 + pick, { size: 32 })])
    await local.registry(OPERATOR, 'setSealingKey', [1 + (pick % 3), toHex(1 + pick, { size: 32 })])
  },
  pause: async () => {
    await local.call(GUARDIAN, 'leaseDesk', 'pause', [])
    await local.call(GUARDIAN, 'leaseDesk', 'unpause', [])
  },
  attest: async ({ pick }) => {
    const today = await local.anvil.client.readContract({
      address: local.deployment.reputation,
      abi: reputationAbi,
      functionName: 'today',
    })
    const day = Number(today) - 1 - (pick % 20)
    await local.call(ATTESTERS[pick % 3]!, 'reputation', 'attest', [day, pick % 3, [BigInt(pick), 7n]])
  },
}

export const perform = async (step: Act) => {
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
export const everyEnd = async () => {
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
  await local.call(TENANT, 'reviews', 'reviewNode', [closed, 4, 'good', 'as said'])
  await local.escrow(OPERATOR, 'withdrawEarned', [1, local.anvil.account(STRANGER).address, 1_000n])
  await local.escrow(TENANT, 'deposit', [5_000_000n])
  await local.escrow(TENANT, 'withdraw', [local.anvil.account(TENANT).address, 1n])
  return { closed, revived }
}
