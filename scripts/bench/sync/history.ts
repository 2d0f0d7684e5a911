// A busy market on a local chain, made once and kept: leases opened in stacks, activated, settled again and again, topped
// up, a third of them closed. A plan of blocks, each a function of its number alone: an interrupted run goes on where the
// chain stands.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Deployment,
  leaseEscrowAbi,
  leaseIdOf,
  mockUSDCAbi,
  nodeRegistryAbi,
  type Terms,
} from '@decloud/protocol'
import { type Address, encodeFunctionData, type Hex, keccak256, toHex, zeroAddress, zeroHash } from 'viem'
import { type Anvil, startAnvil } from '../../../test/world/anvil.ts'
import { deployMockUsdc, deployProtocol, deploySatellites } from '../../lib/deploy.ts'

const OWNER = 0
const OPERATOR = 1
const TENANTS = [2, 3, 4, 5]
const FIRST_AGENT = 20
const LEASES_PER_NODE = 900
const STACK = 20
const PER_BLOCK = 40
const SETTLE_ROUNDS = 27
const ROUND_SECONDS = 600
const MANIFEST: Hex = `0x${'5e'.repeat(512)}`
/** Of one lease: opened, assigned, its share of a stack, activated, settled, topped up, and at times three for its end. */
const EVENTS_PER_LEASE = 2 + 1 / STACK + 1 + SETTLE_ROUNDS + 1 + 1
const REQUESTS_AT_ONCE = 40

type Sent = { from: Address; to: Address; data: Hex }
type Block = { seconds: number; transactions: Sent[] }
type Setup = { deployment: Deployment; blocks: number; leases: number }

export type History = { anvil: Anvil; deployment: Deployment; stop(): Promise<void> }

const accountOf = (anvil: Anvil, index: number) => anvil.account(index).address

const termsOf = (anvil: Anvil, lease: number): Terms => ({
  tenant: accountOf(anvil, TENANTS[Math.floor(lease / STACK) % TENANTS.length]!),
  node: 1 + Math.floor(lease / LEASES_PER_NODE),
  ...{
    vcpus: 1,
    tier: 1,
    bandwidth: 1,
    gpus: 0,
    memoryMiB: 1_024,
    diskGiB: 10,
    region: '0x0000000000000000',
  },
  ...{
    maxPricePerHour: 10_000_000n,
    deposit: 5_000_000n,
    holdBack: 60,
    minNotice: 0,
    activateWithin: 86_400,
  },
  ...{ template: 0, templateVersion: 0, maxTemplateFee: 0n, manifestHash: zeroHash },
  salt: toHex(lease + 1, { size: 32 }),
})

/** Blocks that follow the set-up, in order. */
const planOf = (anvil: Anvil, { deployment, leases }: Setup): Block[] => {
  const { leaseEscrow, chainId } = deployment
  const all = Array.from({ length: leases }, (_, i) => i)
  const terms = all.map((lease) => termsOf(anvil, lease))
  const ids = terms.map((one) => leaseIdOf(chainId, leaseEscrow, one))
  const call = (from: Address, functionName: string, args: readonly unknown[]): Sent => ({
    ...{ from, to: leaseEscrow },
    data: encodeFunctionData({ abi: leaseEscrowAbi, functionName, args } as never),
  })
  const chunks = (size: number) =>
    Array.from({ length: Math.ceil(leases / size) }, (_, i) => all.slice(i * size, (i + 1) * size))
  const tenantOf = (lease: number) => terms[lease]!.tenant
  const agentOf = (lease: number) => accountOf(anvil, FIRST_AGENT + terms[lease]!.node)
  const keeper = accountOf(anvil, OPERATOR)

  const opened = chunks(STACK).map((some): Block => {
    const args = [some.map((i) => terms[i]), some.map(() => MANIFEST), false]
    return { seconds: 1, transactions: [call(tenantOf(some[0]!), 'openStack', args)] }
  })
  const each = (from: (lease: number) => Address, name: string, args: (lease: number) => unknown[]) =>
    chunks(PER_BLOCK).map(
      (some): Block => ({ seconds: 1, transactions: some.map((i) => call(from(i), name, args(i))) }),
    )
  const activated = each(agentOf, 'activate', (i) => [ids[i], keccak256(ids[i]!)])
  const settled = Array.from({ length: SETTLE_ROUNDS }, () =>
    chunks(PER_BLOCK).map(
      (some, i): Block => ({
        seconds: i === 0 ? ROUND_SECONDS : 1,
        transactions: [call(keeper, 'settle', [some.map((lease) => ids[lease])])],
      }),
    ),
  ).flat()
  const toppedUp = each(tenantOf, 'topUp', (i) => [ids[i], 1_000_000n])
  const closed = each(tenantOf, 'close', (i) => [ids[i], zeroAddress]).map((block) => ({
    ...block,
    transactions: block.transactions.filter((_, i) => i % 3 === 0),
  }))
  return [...opened, ...activated, ...settled, ...toppedUp, ...closed]
}

const post = async (rpcUrl: string, calls: readonly { method: string; params: readonly unknown[] }[]) => {
  const body = JSON.stringify(calls.map((call, id) => ({ jsonrpc: '2.0', id, ...call })))
  const response = await fetch(rpcUrl, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body },
    signal: AbortSignal.timeout(60_000),
  })
  const answers = (await response.json()) as { error?: { message: string } }[]
  const failed = answers.find((answer) => answer.error !== undefined)
  if (failed !== undefined) throw new Error(`the local chain refused: ${failed.error!.message}`)
}

const mine = async (anvil: Anvil, block: Block) => {
  const sends = block.transactions.map((transaction) => ({
    method: 'eth_sendTransaction',
    params: [{ ...transaction, gas: toHex(30_000_000), gasPrice: toHex(10n ** 11n) }],
  }))
  for (let i = 0; i < sends.length; i += REQUESTS_AT_ONCE) {
    await post(anvil.rpcUrl, sends.slice(i, i + REQUESTS_AT_ONCE))
  }
  await post(anvil.rpcUrl, [
    { method: 'evm_increaseTime', params: [block.seconds] },
    { method: 'evm_mine', params: [] },
  ])
}

const setUp = async (anvil: Anvil, events: number): Promise<Setup> => {
  const owner = accountOf(anvil, OWNER)
  const deployer = { wallet: anvil.wallet(OWNER), reader: anvil.client }
  const usdc = await deployMockUsdc(deployer)
  const deployment = await deploySatellites(
    deployer,
    await deployProtocol(deployer, { usdc, owner, platformPayee: owner }),
    { guardian: owner, scheduler: owner, attesters: [6, 7, 8].map((index) => accountOf(anvil, index)) },
  )
  const leases = Math.ceil(events / EVENTS_PER_LEASE)
  const nodes = Math.ceil(leases / LEASES_PER_NODE)
  const transactions: Sent[] = []
  for (let node = 1; node <= nodes; node++) {
    const registration = {
      machineId: keccak256(toHex(`machine ${node}`)),
      agent: accountOf(anvil, FIRST_AGENT + node),
      sealingKey: keccak256(toHex(`sealing ${node}`)),
      ...{ minCharge: 60, notice: 0, endpoint: `https://node-${node}.example` },
      region: '0x65752d7765737400',
      capacity: { pointUnits: 12_000n, memoryMiB: 1_000_000n, diskGiB: 60_000n, gpus: 0 },
      prices: { point: 0n, memoryGiB: 0n, diskGiB: 0n, gpu: 0n },
    } as const
    const data = encodeFunctionData({ abi: nodeRegistryAbi, functionName: 'register', args: [registration] })
    transactions.push({ from: accountOf(anvil, OPERATOR), to: deployment.nodeRegistry, data })
    await anvil.client.setBalance({ address: accountOf(anvil, FIRST_AGENT + node), value: 10n ** 22n })
  }
  for (const index of TENANTS) {
    const tenant = accountOf(anvil, index)
    const usdcCall = (from: Address, functionName: string, args: readonly unknown[]): Sent => ({
      ...{ from, to: usdc, data: encodeFunctionData({ abi: mockUSDCAbi, functionName, args } as never) },
    })
    transactions.push(usdcCall(owner, 'mint', [tenant, 10n ** 15n]))
    transactions.push(usdcCall(tenant, 'approve', [deployment.leaseEscrow, 10n ** 15n]))
  }
  await post(anvil.rpcUrl, [{ method: 'anvil_autoImpersonateAccount', params: [true] }])
  await anvil.client.setAutomine(false)
  await mine(anvil, { seconds: 1, transactions })
  const blocks = Number(await anvil.client.getBlockNumber({ cacheTime: 0 }))
  return { deployment, blocks, leases }
}

/**
 * @param folder where the chain is kept between runs.
 * @param note told how far it is.
 * @returns the chain, running, with about `events` events of ours on it; who calls stops it.
 */
export const makeHistory = async (
  folder: string,
  events: number,
  { note, signal }: { note: (text: string) => void; signal: AbortSignal },
): Promise<History> => {
  mkdirSync(folder, { recursive: true })
  const [state, file, whole] = ['chain.json', 'setup.json', 'whole'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const known = existsSync(state) && existsSync(file)
  if (known && existsSync(whole)) {
    const { deployment } = JSON.parse(readFileSync(file, 'utf8')) as Setup
    note('reading it back')
    const anvil = await startAnvil({ loadState: state, anyGas: true })
    return { anvil, deployment, stop: () => anvil.stop() }
  }
  if (!known) for (const path of [state, file]) rmSync(path, { force: true })
  const anvil = await startAnvil({ state, anyGas: true })
  try {
    const setup = known ? (JSON.parse(readFileSync(file, 'utf8')) as Setup) : await setUp(anvil, events)
    if (!known) writeFileSync(file, JSON.stringify(setup))
    await post(anvil.rpcUrl, [{ method: 'anvil_autoImpersonateAccount', params: [true] }])
    await anvil.client.setAutomine(false)
    const plan = planOf(anvil, setup)
    const done = Number(await anvil.client.getBlockNumber({ cacheTime: 0 })) - setup.blocks
    for (let i = done; i < plan.length; i++) {
      // What is there by now is kept: the chain writes itself down when it is stopped.
      if (signal.aborted) throw new Error('interrupted; the next run goes on from here')
      await mine(anvil, plan[i]!)
      note(`block ${i + 1} of ${plan.length}`)
    }
    await anvil.client.mine({ blocks: 4 })
    // Written down once it has stopped: from then on it is only read.
    const stop = async () => {
      await anvil.stop()
      writeFileSync(whole, '')
    }
    return { anvil, deployment: setup.deployment, stop }
  } catch (error) {
    await anvil.stop()
    throw error
  }
}
