// What people do on the market: every call that the contracts have for them, in any state of affairs. Most make sense, some
// are refused by the contracts; both are history.
import { leaseIdOf, type Terms } from '@decloud/protocol'
import { type Address, type Hex, keccak256, toHex, zeroAddress, zeroHash } from 'viem'
import type { Random } from '../world/random.ts'
import { agentOf, type Call, type ContractName, type Market, NODES, ROLE } from './market.ts'

type Lease = { id: Hex; terms: Terms; tenant: number }

export type People = {
  /** The calls of one moment: one act, which may take several. @param time unix seconds of the block it goes into. */
  act(time: number): { kind: string; calls: Call[] }
}

const DAY = 86_400
const FINGERPRINT = toHex(7, { size: 32 })

/** @param salt tells the leases of different seeds apart. */
export const makePeople = ({ evm, deployment }: Market, random: Random, salt: number): People => {
  const leases: Lease[] = []
  const requests: Terms[] = []
  let opened = 0
  const address = (index: number): Address => evm.account(index).address
  const stranger = address(ROLE.stranger)

  const termsOf = (tenant: number, node: number, change: Partial<Terms> = {}): Terms => {
    opened += 1
    return {
      tenant: address(tenant),
      node,
      vcpus: random.between(1, 3),
      tier: random.below(4),
      bandwidth: random.below(4),
      gpus: 0,
      memoryMiB: 512 * random.between(1, 5),
      diskGiB: random.between(5, 20),
      region: '0x0000000000000000',
      maxPricePerHour: 10_000_000n,
      deposit: BigInt(random.between(300_000, 3_000_000)),
      holdBack: random.below(4_000),
      minNotice: 0,
      activateWithin: random.between(60, 900),
      template: 0,
      templateVersion: 0,
      maxTemplateFee: 0n,
      manifestHash: zeroHash,
      salt: toHex(BigInt(salt) * 1_000_000n + BigInt(opened), { size: 32 }),
      ...change,
    }
  }
  const know = (terms: Terms, tenant: number): Terms => {
    leases.push({ id: leaseIdOf(deployment.chainId, deployment.leaseEscrow, terms), terms, tenant })
    return terms
  }
  const call = (from: number, contract: ContractName, name: string, ...args: unknown[]): Call => ({
    from,
    contract,
    name,
    args,
  })
  const escrow = (from: number, name: string, ...args: unknown[]) => call(from, 'leaseEscrow', name, ...args)
  const registry = (name: string, ...args: unknown[]) => call(ROLE.operator, 'nodeRegistry', name, ...args)
  const anyone = () => random.pick([ROLE.tenant, ROLE.otherTenant])
  const node = () => random.between(1, NODES)
  // Mostly one of the newest: the older ones have come to an end.
  const lease = (): Lease | undefined =>
    leases.length === 0
      ? undefined
      : leases[Math.max(0, leases.length - 1 - random.below(random.chance(0.8) ? 6 : leases.length))]
  const amount = () => BigInt(random.between(1, 3_000_000))

  const open = (change: Partial<Terms> = {}, name = 'open'): Call[] => {
    const tenant = anyone()
    return [escrow(tenant, name, know(termsOf(tenant, random.between(1, 2), change), tenant), '0x1234')]
  }
  const activate = ({ id, terms }: Lease) => [escrow(agentOf(terms.node || 1), 'activate', id, FINGERPRINT)]

  const onLease: Record<string, (lease: Lease, time: number) => Call[]> = {
    activate,
    settle: () => [
      escrow(
        ROLE.keeper,
        'settle',
        leases.slice(-random.between(1, 6)).map(({ id }) => id),
      ),
    ],
    topUp: ({ id }) => [escrow(anyone(), 'topUp', id, amount())],
    topUpFromBalance: ({ id, tenant }) => [escrow(tenant, 'topUpFromBalance', id, amount())],
    close: ({ id, tenant }) => [escrow(tenant, 'close', id, random.chance(0.4) ? zeroAddress : stranger)],
    expire: ({ id }) => [escrow(ROLE.stranger, 'expire', id)],
    end: ({ id }) => [escrow(ROLE.stranger, 'end', id)],
    credit: ({ id }) => [escrow(ROLE.operator, 'credit', id, random.between(1, 90))],
    vote: ({ id }) => {
      const seconds = random.between(1, 90)
      return ROLE.attesters.slice(0, 2).map((index) => call(index, 'downtimeQuorum', 'vote', id, seconds))
    },
    switchRelay: ({ id }) => [escrow(ROLE.operator, 'switchRelay', [id], node())],
    reclaim: ({ id }) => [
      escrow(ROLE.operator, 'startReclaim', id, toHex('moving out', { size: 32 })),
      escrow(ROLE.operator, 'reclaim', id),
    ],
    releaseFee: ({ id }) => [escrow(ROLE.keeper, 'releaseTemplateFee', id)],
    autoRenew: ({ id, tenant }) => {
      const money = amount()
      const renewal = { amount: money, budget: money * 3n, runway: random.below(9_000) }
      return [call(tenant, 'leaseMandates', 'setAutoRenew', id, renewal)]
    },
    renew: ({ id }) => [call(ROLE.keeper, 'leaseMandates', 'renew', id)],
    grant: ({ id, tenant }) => [call(tenant, 'leaseAccess', 'grant', id, stranger, random.between(1, 3))],
    revoke: ({ id, tenant }) => [call(tenant, 'leaseAccess', 'revoke', id, stranger)],
    manifest: ({ id, tenant }) => [
      call(tenant, 'leaseAccess', 'postManifest', id, random.between(1, 2), FINGERPRINT, '0x1234'),
    ],
    order: ({ id, tenant }) => [call(tenant, 'leaseAccess', 'order', id, random.between(1, 5))],
    review: ({ id, tenant }) => [call(tenant, 'reviews', 'reviewNode', id, random.between(1, 5), 'good', '')],
    reviewTemplate: ({ id, tenant }) => [
      call(tenant, 'reviews', 'reviewTemplate', id, random.between(1, 5), '', 'fine'),
    ],
  }

  const others: Record<string, (time: number) => Call[]> = {
    open: () => open(),
    openAndRun: () => {
      const calls = open({ node: 1 })
      return [...calls, ...activate(leases.at(-1)!)]
    },
    openFromBalance: () => open({}, 'openFromBalance'),
    templated: () => open({ template: 1, templateVersion: 1, maxTemplateFee: 100_000n, holdBack: 900 }),
    request: () => {
      const tenant = anyone()
      const terms = know(termsOf(tenant, 0), tenant)
      requests.push(terms)
      return [escrow(tenant, 'open', terms, '0x')]
    },
    assign: () =>
      requests.length === 0
        ? []
        : [escrow(ROLE.keeper, 'assign', requests.at(-1 - random.below(2)) ?? requests[0], 1)],
    stack: () => {
      const tenant = anyone()
      const stack = [1, 2].map(() => know(termsOf(tenant, 1), tenant))
      return [escrow(tenant, 'openStack', stack, ['0x', '0x'], random.chance(0.3))]
    },
    deposit: () => [escrow(anyone(), 'deposit', amount())],
    withdraw: () => {
      const tenant = anyone()
      return [escrow(tenant, 'withdraw', address(tenant), amount() / 3n + 1n)]
    },
    withdrawEarned: () =>
      random.chance(0.3)
        ? [escrow(ROLE.owner, 'withdrawEarned', 0, stranger, amount() / 1_000n + 1n)]
        : [escrow(ROLE.operator, 'withdrawEarned', 1, stranger, amount() / 100n + 1n)],
    prices: () => {
      const step = BigInt(random.below(3))
      const own = { point: 6_000n * step, memoryGiB: 3_000n * step, diskGiB: 60n * step, gpu: 60_000n * step }
      return [registry('setPrices', node(), own)]
    },
    capacity: () => [
      registry('setCapacity', 2, {
        pointUnits: BigInt(random.between(12, 12_000)),
        memoryMiB: 1_000_000n,
        diskGiB: 60_000n,
        gpus: random.below(3),
      }),
    ],
    active: () => [registry('setActive', 2, random.chance(0.6))],
    endpoint: () => [registry('setEndpoint', node(), `https://node-${random.below(1_000)}.example`)],
    profile: () => [
      registry('setProfile', node(), `profile ${random.below(1_000)}`, [toHex('ssd', { size: 32 })]),
    ],
    chooseRelay: () => [registry('chooseRelay', 1, random.chance(0.3) ? 0 : random.between(2, 3))],
    drop: () => [registry('dropRelayed', random.between(2, 3), [1, 2])],
    sealing: () => [
      registry('setSealingKey', node(), toHex(1 + random.below(1_000), { size: 32 })),
      call(anyone(), 'leaseAccess', 'setSealingKey', toHex(1 + random.below(1_000), { size: 32 })),
    ],
    policy: () => [
      call(
        ...([ROLE.owner, 'pricePolicy', 'setParameters'] as const),
        { point: 5_000n, memoryGiB: 2_500n, diskGiB: 50n, gpu: 50_000n },
        { point: 10_000n, memoryGiB: 5_000n, diskGiB: 100n, gpu: 100_000n },
        random.chance(0.5) ? [12, 8, 6, 3] : [12, 10, 5, 2],
        [8_000, 10_000, 12_000, 15_000],
        [5_000, 15_000, 40_000, 40_000],
        random.below(1_500),
      ),
    ],
    pause: () => [
      call(ROLE.guardian, 'leaseDesk', 'pause'),
      ...(random.chance(0.9) ? [call(ROLE.guardian, 'leaseDesk', 'unpause')] : []),
    ],
    payee: () => [escrow(ROLE.operator, 'proposePayee', 1, stranger)],
    publish: () => {
      const content = toHex(random.below(100_000))
      const draft = {
        fee: BigInt(random.below(200_000)),
        refundWindow: random.below(3_600),
        minimum: { vcpus: 1, gpus: 0, memoryMiB: 256, diskGiB: 1 },
        contentHash: keccak256(content),
        content,
        uri: '',
      }
      const slug = `template-${random.below(100_000)}`
      return random.chance(0.5)
        ? [call(ROLE.otherTenant, 'templateRegistry', 'publish', 1, draft)]
        : [call(ROLE.otherTenant, 'templateRegistry', 'create', slug, draft)]
    },
    archive: () => [
      call(ROLE.otherTenant, 'templateRegistry', 'setArchived', random.between(1, 3), random.chance(0.3)),
    ],
    attest: (time) => [
      call(
        random.pick(ROLE.attesters),
        ...(['reputation', 'attest', Math.floor(time / DAY) - 1 - random.below(20), 0] as const),
        [BigInt(random.below(2 ** 30)), 7n],
      ),
    ],
    stake: (time) => [
      call(ROLE.operator, 'usdc', 'approve', deployment.premiumStake, 10_000_000n),
      call(
        ROLE.operator,
        'premiumStake',
        'stake',
        node(),
        BigInt(random.between(1, 1_000_000)),
        BigInt(time + DAY),
      ),
    ],
    unbond: () => [call(ROLE.operator, 'premiumStake', 'startUnbonding', node(), amount() / 10n + 1n)],
  }
  // What makes a lease and lets it run comes more often than what only some lease allows.
  const often = ['open', 'openAndRun', 'openAndRun', 'request', 'assign', 'templated', 'activate', 'settle']
  const kinds = [...Object.keys(onLease), ...Object.keys(others), ...often, ...often, 'close', 'topUp']

  return {
    act: (time) => {
      const kind = random.pick(kinds)
      const one = lease()
      const calls = others[kind]?.(time) ?? (one === undefined ? [] : onLease[kind]!(one, time))
      return { kind, calls }
    },
  }
}
