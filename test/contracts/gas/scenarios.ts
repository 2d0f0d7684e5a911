// Whole-transaction gas of what people send, on the escrow in front of a proxied USDC. Every figure is a receipt's
// `gasUsed`: the 21,000 of a transaction and its calldata are in it, every slot is cold, balances are non-zero before
// and after, no manifest rides along.
import { network } from 'hardhat'
import { type Address, encodeFunctionData, getContract, type Hash, type Hex, toHex } from 'viem'
import {
  leaseAccessAbi,
  leaseDeskAbi,
  leaseEscrowAbi,
  leaseMandatesAbi,
  mockUSDCAbi,
  nodeRegistryAbi,
  payoutsAbi,
} from '../../../contracts/protocol/abi/index.ts'
import {
  closeMandate,
  openAuthorization,
  topUpAuthorization,
  topUpMandate,
} from '../../../contracts/protocol/mandates.ts'

const DEPOSIT = 50_000_000n
const NODES = 20
const HOUR = 3_600n

/**
 * Targets in gas per transaction, or per lease of a batch. Where a feature costs more than its target, `allowed` is what
 * stands instead; contracts/README.md has the account.
 */
const TARGETS: Readonly<Record<string, { target?: number; allowed?: number }>> = {
  'open, targeted': { target: 150_000, allowed: 165_000 },
  'open, one signature': { target: 185_000, allowed: 196_000 },
  'open with permit': {},
  'open, untargeted': {},
  'open a stack of three, each': {},
  assign: {},
  'open from balance': {},
  activate: {},
  'settle one': { target: 52_000 },
  'settle 20, each': { target: 15_000 },
  'settle 100, each': { target: 13_500 },
  'settle 20 on 20 nodes, each': { target: 25_000 },
  'top up': { target: 63_000, allowed: 68_500 },
  'top up from balance': {},
  'top up by signature': {},
  'top up, one signature': {},
  renew: {},
  'close with refund': { target: 80_000 },
  'close by signature': {},
  'close when depleted, ten years late': {},
  'start a reclaim': {},
  reclaim: {},
  credit: {},
  'switch relay': {},
  expire: {},
  'push a payout': {},
  'push 18 payouts, each': {},
  'order a stop': {},
  'operator withdraw': { target: 55_000, allowed: 57_500 },
  'tenant withdraw': {},
}

const PERMIT = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const
export type Measurement = { name: string; gas: number; target?: number; allowed?: number }

/** Sets up the contracts on an in-process chain, runs every scenario once and returns the figures in order. */
export const measure = async (): Promise<Measurement[]> => {
  const { viem, networkHelpers } = await network.create()
  const reader = await viem.getPublicClient()
  const [owner, tenant, operator, agent] = await viem.getWalletClients()
  if (!owner || !tenant || !operator || !agent) throw new Error('hardhat gave fewer than four accounts')

  const client = { public: reader, wallet: owner }
  const deploy = async (name: string, args: readonly unknown[]): Promise<Address> =>
    (await viem.deployContract(name, [...args])).address
  const admin = owner.account.address
  const initialization = encodeFunctionData({ abi: mockUSDCAbi, functionName: 'initialize', args: [admin] })
  const implementation = await deploy('MockUSDC', [admin])
  const proxy = await deploy('FiatTokenProxy', [implementation, initialization])
  const policy = await deploy('PricePolicy', [admin])
  const nodes = await deploy('NodeRegistry', [policy])
  const holder = await deploy('LeaseEscrow', [proxy, nodes, policy, admin, admin])
  const usdc = getContract({ address: proxy, abi: mockUSDCAbi, client })
  const registry = getContract({ address: nodes, abi: nodeRegistryAbi, client })
  const escrow = getContract({ address: holder, abi: leaseEscrowAbi, client })
  const desk = getContract({ address: await escrow.read.DESK(), abi: leaseDeskAbi, client })
  const mandates = getContract({ address: await escrow.read.MANDATES(), abi: leaseMandatesAbi, client })

  const gasOf = async (hash: Promise<Hash>) =>
    Number((await reader.waitForTransactionReceipt({ hash: await hash })).gasUsed)

  for (const { account } of [tenant, operator]) await usdc.write.mint([account.address, 10n ** 12n])
  await usdc.write.approve([escrow.address, 10n ** 12n], { account: tenant.account })
  const capacity = { pointUnits: 1_000_000n, memoryMiB: 10_000_000n, diskGiB: 1_000_000n, gpus: 8 }
  for (let i = 0; i < NODES; i++) {
    await registry.write.register(
      [
        {
          machineId: toHex(i + 1, { size: 32 }),
          agent: i === 0 ? agent.account.address : toHex(0xa000 + i, { size: 20 }),
          sealingKey: toHex(i + 1, { size: 32 }),
          region: '0x65752d7765737400',
          minCharge: 60,
          notice: 0,
          capacity,
          prices: { point: 0n, memoryGiB: 0n, diskGiB: 0n, gpu: 0n },
          endpoint: 'https://node.example',
        },
      ],
      { account: operator.account },
    )
  }

  let salt = 0
  const terms = (node: number, activateWithin = 0) => ({
    tenant: tenant.account.address,
    node,
    vcpus: 2,
    tier: 1,
    bandwidth: 1,
    gpus: 0,
    memoryMiB: 4096,
    diskGiB: 40,
    region: '0x0000000000000000' as Hex,
    maxPricePerHour: 1_000_000n,
    deposit: DEPOSIT,
    holdBack: 3_600,
    minNotice: 0,
    activateWithin,
    template: 0,
    templateVersion: 0,
    maxTemplateFee: 0n,
    manifestHash: `0x${'ab'.repeat(32)}` as Hex,
    salt: `0x${(++salt).toString(16).padStart(4, '0').padStart(64, 'c')}` as Hex,
  })

  const as = { tenant: { account: tenant.account }, agent: { account: agent.account } }
  const open = async (node: number) => {
    const asked = terms(node)
    const id = await escrow.read.leaseIdOf([asked])
    const gas = await gasOf(escrow.write.open([asked, '0x'], as.tenant))
    return { id, gas }
  }
  const fingerprint = `0x${'cd'.repeat(32)}` as Hex
  const activate = async (id: Hex) => gasOf(escrow.write.activate([id, fingerprint], as.agent))
  const run = async (node: number, count: number) => {
    const ids: Hex[] = []
    for (let i = 0; i < count; i++) {
      const { id } = await open(node)
      await activate(id)
      ids.push(id)
    }
    return ids
  }

  const figures = new Map<string, number>()

  // One lease opened before, so that the node's payee and counters exist.
  const [first] = await run(1, 1)
  if (!first) throw new Error('no lease was opened')
  const second = await open(1)
  figures.set('open, targeted', second.gas)
  figures.set('activate', await activate(second.id))
  await networkHelpers.time.increase(5n * HOUR)
  await escrow.write.settle([[first]])
  await networkHelpers.time.increase(HOUR)
  figures.set('settle one', await gasOf(escrow.write.settle([[first]])))

  const batch = [...(await run(1, 98)), first, second.id]
  await networkHelpers.time.increase(2n * HOUR)
  await escrow.write.settle([batch])
  for (const count of [20, 100] as const) {
    await networkHelpers.time.increase(HOUR)
    const gas = await gasOf(escrow.write.settle([batch.slice(0, count)]))
    figures.set(`settle ${count}, each`, Math.ceil(gas / count))
  }

  const spread: Hex[] = []
  for (let node = 1; node <= NODES; node++) {
    if (node > 1) {
      // The same key cannot serve two nodes: the agent moves from node to node.
      await registry.write.setAgent([node - 1, toHex(0xb000 + node, { size: 20 })], {
        account: operator.account,
      })
      await registry.write.setAgent([node, agent.account.address], { account: operator.account })
    }
    spread.push(...(await run(node, 1)))
  }
  await networkHelpers.time.increase(2n * HOUR)
  await escrow.write.settle([spread])
  await networkHelpers.time.increase(HOUR)
  const spreadGas = await gasOf(escrow.write.settle([spread]))
  figures.set('settle 20 on 20 nodes, each', Math.ceil(spreadGas / NODES))

  const [topped, closed, forgotten] = batch
  if (!topped || !closed || !forgotten) throw new Error('the batch is empty')
  figures.set('top up', await gasOf(escrow.write.topUp([topped, 1_000_000n], as.tenant)))
  figures.set(
    'close with refund',
    await gasOf(escrow.write.close([closed, tenant.account.address], as.tenant)),
  )
  const payout = [1, operator.account.address, 1_000n] as const
  await gasOf(escrow.write.withdrawEarned(payout, { account: operator.account }))
  figures.set(
    'operator withdraw',
    await gasOf(escrow.write.withdrawEarned(payout, { account: operator.account })),
  )

  await escrow.write.deposit([500_000_000n], as.tenant)
  figures.set('open from balance', await gasOf(escrow.write.openFromBalance([terms(1), '0x'], as.tenant)))
  figures.set(
    'tenant withdraw',
    await gasOf(escrow.write.withdraw([tenant.account.address, 1_000_000n], as.tenant)),
  )

  const usdcDomain = {
    name: 'USD Coin',
    version: '2',
    chainId: reader.chain.id,
    verifyingContract: usdc.address,
  }
  const permitted = terms(1)
  const deadline = 2n ** 48n
  const signature = await tenant.signTypedData({
    account: tenant.account,
    domain: usdcDomain,
    types: PERMIT,
    primaryType: 'Permit',
    message: {
      owner: tenant.account.address,
      spender: escrow.address,
      value: DEPOSIT,
      nonce: await usdc.read.nonces([tenant.account.address]),
      deadline,
    },
  })
  const r = `0x${signature.slice(2, 66)}` as Hex
  const s = `0x${signature.slice(66, 130)}` as Hex
  const v = Number.parseInt(signature.slice(130), 16)
  figures.set(
    'open with permit',
    await gasOf(escrow.write.openWithPermit([permitted, '0x', deadline, v, r, s], as.tenant)),
  )
  if ((await usdc.read.nonces([tenant.account.address])) !== 1n) throw new Error('the permit was not used')

  await usdc.write.approve([escrow.address, 10n ** 12n], { account: tenant.account })

  const authorized = terms(1)
  const authorization = await tenant.signTypedData({
    account: tenant.account,
    ...openAuthorization(usdcDomain, escrow.address, authorized, { validAfter: 0n, validBefore: deadline }),
  })
  figures.set(
    'open, one signature',
    await gasOf(
      escrow.write.openWithAuthorization([authorized, '0x', 0n, deadline, authorization], {
        account: operator.account,
      }),
    ),
  )

  const stack = [terms(1), terms(1), terms(1)]
  const stackGas = await gasOf(escrow.write.openStack([stack, ['0x', '0x', '0x'], false], as.tenant))
  figures.set('open a stack of three, each', Math.ceil(stackGas / stack.length))

  const request = terms(0)
  figures.set('open, untargeted', await gasOf(escrow.write.open([request, '0x'], as.tenant)))
  await desk.write.setScheduler([admin])
  figures.set('assign', await gasOf(escrow.write.assign([request, 1])))

  figures.set(
    'top up from balance',
    await gasOf(escrow.write.topUpFromBalance([topped, 1_000_000n], as.tenant)),
  )
  const scope = { chainId: reader.chain.id, leaseMandates: mandates.address }
  const topUpSignature = await tenant.signTypedData({
    account: tenant.account,
    ...topUpMandate(scope, {
      payer: tenant.account.address,
      leaseId: topped,
      amount: 1_000_000n,
      nonce: 0n,
      deadline,
    }),
  })
  figures.set(
    'top up by signature',
    await gasOf(
      mandates.write.topUpBySig([tenant.account.address, topped, 1_000_000n, 0n, deadline, topUpSignature], {
        account: operator.account,
      }),
    ),
  )
  const topUpSalt = 0n
  const topUpAuthorized = await tenant.signTypedData({
    account: tenant.account,
    ...topUpAuthorization(usdcDomain, mandates.address, {
      payer: tenant.account.address,
      leaseId: topped,
      amount: 1_000_000n,
      salt: topUpSalt,
      validAfter: 0n,
      validBefore: deadline,
    }),
  })
  figures.set(
    'top up, one signature',
    await gasOf(
      mandates.write.topUpWithAuthorization(
        [tenant.account.address, topped, 1_000_000n, topUpSalt, 0n, deadline, topUpAuthorized],
        { account: operator.account },
      ),
    ),
  )
  await mandates.write.setAutoRenew(
    [topped, { amount: 1_000_000n, budget: 2_000_000n, runway: 2 ** 32 - 1 }],
    as.tenant,
  )
  figures.set('renew', await gasOf(mandates.write.renew([topped], { account: operator.account })))
  const closeSignature = await tenant.signTypedData({
    account: tenant.account,
    ...closeMandate(scope, { leaseId: second.id, to: tenant.account.address, nonce: 1n, deadline }),
  })
  figures.set(
    'close by signature',
    await gasOf(
      mandates.write.closeBySig([second.id, tenant.account.address, 1n, deadline, closeSignature], {
        account: operator.account,
      }),
    ),
  )

  const asOperator = { account: operator.account }
  const [reclaimed] = spread
  if (!reclaimed) throw new Error('the spread is empty')
  figures.set('credit', await gasOf(escrow.write.credit([topped, 60], asOperator)))
  const reason = `0x${'00'.repeat(32)}` as Hex
  figures.set('start a reclaim', await gasOf(escrow.write.startReclaim([reclaimed, reason], asOperator)))
  figures.set('reclaim', await gasOf(escrow.write.reclaim([reclaimed], asOperator)))

  // Node 2 goes behind node 3, then pays node 4.
  for (const relay of [3, 4]) await registry.write.setRelayOffer([relay, 10], asOperator)
  await registry.write.chooseRelay([2, 3], asOperator)
  const relayed = await open(2)
  await registry.write.setAgent([NODES, toHex(0xc000, { size: 20 })], asOperator)
  await registry.write.setAgent([2, agent.account.address], asOperator)
  await activate(relayed.id)
  await networkHelpers.time.increase(2n * HOUR)
  await escrow.write.switchRelay([[relayed.id], 4], as.agent)
  await networkHelpers.time.increase(HOUR)
  figures.set('switch relay', await gasOf(escrow.write.switchRelay([[relayed.id], 3], as.agent)))

  const lapsed = await open(1)
  await networkHelpers.time.increase(HOUR)
  figures.set('expire', await gasOf(escrow.write.expire([lapsed.id])))
  await networkHelpers.time.increase(10n * 365n * 24n * HOUR)
  figures.set(
    'close when depleted, ten years late',
    await gasOf(escrow.write.close([forgotten, tenant.account.address], as.tenant)),
  )

  const accessing = await deploy('LeaseAccess', [escrow.address])
  const access = getContract({ address: accessing, abi: leaseAccessAbi, client })
  figures.set('order a stop', await gasOf(access.write.order([topped, 2], as.tenant)))

  const paying = await deploy('Payouts', [escrow.address])
  const payouts = getContract({ address: paying, abi: payoutsAbi, client })
  const payees = Array.from({ length: NODES }, (_, i) => i + 1)
  for (const node of payees) {
    const recipient = toHex(0xd000 + node, { size: 20 })
    // One that has had USDC before, and a node that has earned.
    await usdc.write.mint([recipient, 1n])
    await escrow.write.proposePayee([node, paying], asOperator)
    await payouts.write.enroll([node, recipient], asOperator)
  }
  await networkHelpers.time.increase(HOUR)
  await escrow.write.settle([spread])
  const [, one, ...rest] = payees
  if (one === undefined) throw new Error('there are too few nodes')
  figures.set('push a payout', await gasOf(payouts.write.push([[one]])))
  figures.set('push 18 payouts, each', Math.ceil((await gasOf(payouts.write.push([rest]))) / rest.length))

  return Object.entries(TARGETS).map(([name, limits]) => {
    const gas = figures.get(name)
    if (gas === undefined) throw new Error(`no scenario measured "${name}"`)
    return { name, gas, ...limits }
  })
}
