// Every path that a lease, a role and a signature can take beyond paying and closing, each at least once: what the audit
// has to rebuild, whatever the seed of the random histories.
import {
  autoRenewMandate,
  closeMandate,
  openAuthorization,
  topUpAuthorization,
  topUpMandate,
  withdrawMandate,
} from '@decloud/protocol'
import { type Hex, parseAbi, toHex, zeroAddress } from 'viem'
import { AGENT, ATTESTERS, GUARDIAN, KEEPER, OPERATOR, TENANT } from '../../chain/test/local.ts'
import { activate, life, local, STRANGER, send } from './audit-market.ts'

const OWNER = 0
const HOUR = 3_600
const DAY = 86_400
const FAR = 2n ** 40n
const RICH = 3_000_000n
const tokenAbi = parseAbi([
  'function mint(address to, uint256 amount)',
  'function approve(address spender, uint256 amount) returns (bool)',
  'function name() view returns (string)',
  'function version() view returns (string)',
])

const running = async (change: Parameters<typeof local.open>[2] = {}): Promise<Hex> => {
  const id = await local.open(TENANT, 1, { deposit: RICH, holdBack: HOUR, ...change })
  await activate(id)
  return id
}

/** One relay gives way to another while a lease runs, and both keep what they earned. */
const relays = async () => {
  await local.open(TENANT, 3)
  await life.chooseRelay(2)
  const relayed = await running()
  await local.anvil.moveTime(3 * HOUR)
  await life.switchRelay([relayed], 3)
  await local.anvil.moveTime(3 * HOUR)
  await local.escrow(KEEPER, 'settle', [[relayed]])
  await life.chooseRelay(0)
  return { relayed }
}

/** Placed by the scheduler, by an agent, cancelled, lapsed, and one that waits. */
const requests = async () => {
  const [placed, taken] = [await life.request(TENANT), await life.request(TENANT)]
  await life.assign(life.requests.at(-2)!, 1)
  await local.anvil.moveTime(61)
  await life.assign(life.requests.at(-1)!, 1, AGENT)
  const cancelled = await life.request(TENANT)
  await local.escrow(TENANT, 'close', [cancelled, zeroAddress])
  const lapsed = await life.request(TENANT, life.templated())
  await local.anvil.moveTime(DAY + 1)
  await local.escrow(KEEPER, 'expire', [lapsed])
  return { placed, taken, waiting: await life.request(TENANT) }
}

/** A fee that is held, one that was released, one that the end paid, one that went back; and a window that moved. */
const templates = async () => {
  const refunded = await running(life.templated())
  await local.escrow(TENANT, 'close', [refunded, zeroAddress])
  // A minute and the minimum charge, then dry inside the window of ten minutes.
  const revived = await running(life.templated({ deposit: 101_000n, holdBack: 0 }))
  await local.anvil.moveTime(300)
  await local.escrow(TENANT, 'topUp', [revived, RICH])
  const [released, ended] = [await running(life.templated()), await running(life.templated())]
  await local.anvil.moveTime(HOUR)
  await life.releaseFee(released)
  await local.escrow(TENANT, 'close', [ended, local.anvil.account(STRANGER).address])
  await local.call(TENANT, 'reviews', 'reviewTemplate', [ended, 5, 'just so', ''])
  return { held: await running(life.templated()), released, ended }
}

/** While running, after the end, after depletion; by the operator and by the attesters. */
const credits = async () => {
  const [short, ended, dry] = [
    await running(),
    await running(),
    await running(life.templated({ deposit: 160_000n })),
  ]
  await local.anvil.moveTime(HOUR)
  await life.credit(short, 600)
  await life.vote(short, 300)
  await local.escrow(TENANT, 'close', [ended, zeroAddress])
  await life.credit(ended, 900)
  await local.anvil.moveTime(2 * HOUR)
  await life.credit(dry, 500)
  await local.escrow(KEEPER, 'settle', [[short, ended, dry]])
  return { credited: short, dry }
}

/** Notice given twice, and taken. */
const reclaims = async () => {
  await local.registry(OPERATOR, 'setTerms', [1, 60, HOUR])
  const [reclaimed, announced] = [await running(), await running()]
  await local.registry(OPERATOR, 'setTerms', [1, 60, 0])
  for (const id of [reclaimed, announced, reclaimed]) await life.startReclaim(id)
  await local.anvil.moveTime(HOUR)
  await life.reclaim(reclaimed)
  // A notice that was not used is void: the next one counts anew.
  await local.escrow(TENANT, 'topUp', [announced, 20_000_000n])
  await local.anvil.moveTime(8 * DAY)
  await life.startReclaim(announced)
  return { reclaimed, announced }
}

/** All that a tenant can sign, and a nonce that it takes back. */
const signatures = async () => {
  const tenant = local.anvil.account(TENANT)
  const { deployment } = local
  await local.escrow(TENANT, 'deposit', [50_000_000n])
  const token = { address: deployment.usdc, abi: tokenAbi } as const
  const name = await local.anvil.client.readContract({ ...token, functionName: 'name' })
  const version = await local.anvil.client.readContract({ ...token, functionName: 'version' })
  const domain = { name, version, chainId: deployment.chainId, verifyingContract: deployment.usdc }
  const terms = local.terms(TENANT, 1, { deposit: RICH })
  const opening = openAuthorization(domain, deployment.leaseEscrow, terms, {
    validAfter: 0n,
    validBefore: FAR,
  })
  const paid = await tenant.signTypedData(opening)
  await local.escrow(STRANGER, 'openWithAuthorization', [terms, '0x', 0n, FAR, paid])
  const signed = await local.idOf(terms)
  const closed = await running()
  await activate(signed)
  const mandates = (functionName: string, args: readonly unknown[]) =>
    local.call(STRANGER, 'leaseMandates', functionName, args)
  const to = local.anvil.account(STRANGER).address
  const once = (nonce: bigint) => ({ nonce, deadline: FAR })
  const close = await tenant.signTypedData(closeMandate(deployment, { leaseId: closed, to, ...once(1n) }))
  await mandates('closeBySig', [closed, to, 1n, FAR, close])
  const topUp = topUpMandate(deployment, {
    payer: tenant.address,
    leaseId: signed,
    amount: 10_000n,
    ...once(2n),
  })
  const more = await tenant.signTypedData(topUp)
  await mandates('topUpBySig', [tenant.address, signed, 10_000n, 2n, FAR, more])
  const authorized = topUpAuthorization(domain, deployment.leaseMandates, {
    payer: tenant.address,
    leaseId: signed,
    amount: 20_000n,
    salt: 0n,
    validAfter: 0n,
    validBefore: FAR,
  })
  const outOfWallet = await tenant.signTypedData(authorized)
  await mandates('topUpWithAuthorization', [tenant.address, signed, 20_000n, 0n, 0n, FAR, outOfWallet])
  const withdrawal = withdrawMandate(deployment, {
    account: tenant.address,
    to,
    amount: 7_000n,
    ...once(300n),
  })
  const out = await tenant.signTypedData(withdrawal)
  await mandates('withdrawBySig', [tenant.address, to, 7_000n, 300n, FAR, out])
  const renewal = { amount: 20_000n, budget: 50_000n, runway: 100 * DAY }
  const standing = autoRenewMandate(deployment, { leaseId: signed, ...renewal, ...once(4n) })
  const bounds = await tenant.signTypedData(standing)
  await mandates('setAutoRenewBySig', [signed, renewal, 4n, FAR, bounds])
  await mandates('renew', [signed])
  await local.call(TENANT, 'leaseMandates', 'cancelNonce', [5n])
  return { renewed: signed }
}

/** Opened together, from the wallet and from the balance; ten of them come to a clean end, and the operator stakes. */
const stacksAndStake = async () => {
  const stack = await life.openStack(TENANT, 1, 10)
  await life.openStack(TENANT, 1, 2, true)
  for (const id of stack) await activate(id)
  for (const id of stack) await local.escrow(TENANT, 'close', [id, zeroAddress])
  const today = Math.floor(Number((await local.anvil.client.getBlock()).timestamp) / DAY)
  // Lane 1 of the first group: node 1 missed nothing.
  for (const attester of ATTESTERS) {
    await local.call(attester, 'reputation', 'attest', [today - 1, 0, [1n << 16n]])
  }
  const { usdc, premiumStake } = local.deployment
  const stake = 2_000_000_000n
  await send(OWNER, usdc, tokenAbi, 'mint', [local.anvil.account(OPERATOR).address, stake])
  await send(OPERATOR, usdc, tokenAbi, 'approve', [premiumStake, stake])
  await local.call(OPERATOR, 'premiumStake', 'stake', [1, stake, 0n])
  await local.call(OPERATOR, 'premiumStake', 'startUnbonding', [1, 500_000_000n])
  return { stack, attestedDay: today - 1 }
}

/** A node is enrolled, pushed, passed on; another is enrolled, waits for a successor, and one has left again. */
const payouts = async () => {
  const { payouts: contract } = local.deployment
  const call = (index: number, functionName: string, ...args: unknown[]) =>
    local.call(index, 'payouts', functionName, args)
  const [operator, friend] = [OPERATOR, STRANGER].map((index) => local.anvil.account(index).address)
  for (const node of [1, 3]) {
    await local.escrow(OPERATOR, 'proposePayee', [node, contract])
    await call(OPERATOR, 'enroll', node, friend)
  }
  await call(KEEPER, 'push', [1, 3])
  await call(OPERATOR, 'setRecipient', 1, operator)
  await call(OPERATOR, 'proposeOwner', 1, friend)
  await call(STRANGER, 'acceptOwner', 1)
  await call(STRANGER, 'proposeOwner', 1, operator)
  await call(OPERATOR, 'proposePayee', 3, operator)
  await local.escrow(OPERATOR, 'acceptPayee', [3])
}

/** Who may do what changes hands; pointers are announced and moved; new business is paused and goes on. */
const roles = async () => {
  const { nodeRegistry, pricePolicy, templateRegistry } = local.deployment
  const stranger = local.anvil.account(STRANGER).address
  await local.call(GUARDIAN, 'leaseDesk', 'pause', [])
  await local.call(GUARDIAN, 'leaseDesk', 'unpause', [])
  await local.call(OWNER, 'leaseDesk', 'setScheduler', [local.anvil.account(KEEPER).address])
  await local.call(OWNER, 'leaseDesk', 'announcePointers', [nodeRegistry, pricePolicy])
  await local.call(OWNER, 'leaseDesk', 'announceTemplates', [templateRegistry])
  await local.anvil.moveTime(7 * DAY)
  await local.call(OWNER, 'leaseDesk', 'movePointers', [])
  await local.call(OWNER, 'leaseDesk', 'moveTemplates', [])
  await local.call(OWNER, 'leaseDesk', 'announcePointers', [nodeRegistry, pricePolicy])
  await local.call(OWNER, 'leaseDesk', 'transferOwnership', [stranger])
  await local.call(OWNER, 'downtimeQuorum', 'transferOwnership', [stranger])
  const attesters = [...ATTESTERS, TENANT].map((index) => local.anvil.account(index).address)
  await local.call(OWNER, 'downtimeQuorum', 'setAttesters', [attesters, 2n])
  // To another and back: what comes after is done by the one that the market knows.
  const operator = local.anvil.account(OPERATOR).address
  await local.escrow(OPERATOR, 'proposePayee', [1, stranger])
  await local.escrow(STRANGER, 'acceptPayee', [1])
  for (const next of [stranger, operator]) await local.escrow(STRANGER, 'setOperator', [1, next])
  await local.escrow(STRANGER, 'proposePayee', [1, operator])
  await local.escrow(OPERATOR, 'acceptPayee', [1])
  await local.escrow(OPERATOR, 'proposePayee', [1, stranger])
  await local.call(OWNER, 'templateRegistry', 'setArchived', [await local.publish(OWNER, 0n, 0), true])
}

/** A node's page in its registry turns: keys, capacity, prices, who operates it, whom it relays for, what is said of it. */
const listings = async () => {
  const fourth = await local.register()
  const registry = (functionName: string, ...args: unknown[]) => local.registry(OPERATOR, functionName, args)
  const formerAgent = local.anvil.account(103).address
  await registry('setAgent', 3, local.anvil.account(110).address)
  await registry('setCapacity', 3, { pointUnits: 2_400n, memoryMiB: 65_536n, diskGiB: 900n, gpus: 2 })
  const prices = { point: 9_000n, memoryGiB: 4_000n, diskGiB: 70n, gpu: 80_000n }
  await registry('setPrices', 3, prices)
  await registry('setSealingKey', 3, toHex(33, { size: 32 }))
  await registry('setEndpoint', 3, 'http://127.0.0.1:2')
  await registry('setProfile', 3, 'quiet', [])
  for (const active of [false, true]) await registry('setActive', 3, active)
  for (const relay of [3, 2, 3]) await registry('chooseRelay', fourth, relay)
  await registry('dropRelayed', 3, [fourth, 1])
  await registry('chooseRelay', fourth, 3)
  const network = { peerId: '0x0102', addresses: ['/ip4/127.0.0.1'], wireguardKey: toHex(44, { size: 32 }) }
  await registry('setNetwork', 3, { ...network, behindNat: true })
  const stranger = local.anvil.account(STRANGER).address
  await registry('proposeOperator', 3, stranger)
  await local.registry(STRANGER, 'acceptOperator', [3])
  await local.registry(STRANGER, 'proposeOperator', [3, local.anvil.account(OPERATOR).address])
  await registry('acceptOperator', 3)
  await registry('proposeOperator', 3, stranger)
  const attribute = toHex('tier-3', { size: 32 })
  const now = Number((await local.anvil.client.getBlock()).timestamp)
  for (const issuedAt of [now - 10, now]) await attest({ node: 3, attribute, issuedAt, expiresAt: now + DAY })
  return { fourth, formerAgent, attribute, listed: await local.open(TENANT, 3) }
}

const attest = async (message: { node: number; attribute: Hex; issuedAt: number; expiresAt: number }) => {
  const auditor = local.anvil.account(STRANGER)
  const { chainId, nodeRegistry: verifyingContract } = local.deployment
  const signature = await auditor.signTypedData({
    domain: { name: 'DeCloud NodeRegistry', version: '1', chainId, verifyingContract },
    types: {
      Attribute: [
        { name: 'node', type: 'uint32' },
        { name: 'attribute', type: 'bytes32' },
        { name: 'issuedAt', type: 'uint40' },
        { name: 'expiresAt', type: 'uint40' },
      ],
    },
    primaryType: 'Attribute',
    message,
  })
  const { node, attribute, issuedAt, expiresAt } = message
  await local.registry(KEEPER, 'attest', [node, attribute, auditor.address, issuedAt, expiresAt, signature])
}

/** Collaborators come, rise and go; manifests follow one another; with the end of a lease all access is over. */
const access = async () => {
  const [shared, over] = [await running(), await running()]
  const call = (functionName: string, ...args: unknown[]) =>
    local.call(TENANT, 'leaseAccess', functionName, args)
  const [friend, keeper, agent] = [STRANGER, KEEPER, AGENT].map((index) => local.anvil.account(index).address)
  for (const [account, level] of [
    ...[[agent, 1] as const, [friend, 1] as const, [keeper, 2] as const],
    [friend, 3] as const,
  ]) {
    await call('grant', shared, account, level)
  }
  // The last of the list takes its place.
  await call('revoke', shared, agent)
  for (const nth of [1, 2])
    await local.call(STRANGER, 'leaseAccess', 'setSealingKey', [toHex(nth, { size: 32 })])
  for (const version of [1, 2])
    await call('postManifest', shared, version, toHex(version + 70, { size: 32 }), '0xabcd')
  for (const action of [1, 2, 3, 4, 5]) await call('order', shared, action)
  await local.call(STRANGER, 'leaseAccess', 'order', [shared, 2])
  await call('grant', over, friend, 2)
  await call('postManifest', over, 1, toHex(80, { size: 32 }), '0xabcd')
  await local.escrow(TENANT, 'close', [over, zeroAddress])
  return { shared, over }
}

/** All of them; the roles change hands last. */
export const everyPath = async () => {
  const ids = {
    ...(await relays()),
    ...(await requests()),
    ...(await templates()),
    ...(await credits()),
    ...(await reclaims()),
    ...(await signatures()),
    ...(await stacksAndStake()),
    ...(await listings()),
    ...(await access()),
  }
  await roles()
  await payouts()
  return ids
}
