// Two nodes and everybody who might knock at the first: its operator, two tenants, their collaborators, a stranger.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leaseAccessAbi, nodeSignInMessage, USDC } from '@decloud/protocol'
import { sessionSchema, signInSchema } from '@decloud/protocol/wire/session'
import { encodeFunctionData, type Hex, type LocalAccount } from 'viem'
import { askNode } from '../../../scripts/lib/node-session.ts'
import { makeTenant, openLease } from '../../../scripts/lib/tenant.ts'
import { mint, ROLES, registerNode, SMALL_NODE } from '../../../test/world/market.ts'
import { instanceOf } from '../../src/context.ts'
import { makeFakeHypervisor } from '../../src/hypervisor/fake/driver.ts'
import { SimulatedMachine } from '../../src/hypervisor/fake/machine.ts'
import { type Agent, makeAgent } from '../../src/main.ts'
import { MANIFEST, makeBench, SMALL_VM, until } from '../helpers/node.ts'
import { PLENTIFUL } from '../helpers/resources.ts'

const LEVELS = { viewer: 1, user: 2, manager: 3 } as const
const WIDE = { perNetwork: 1e6, perWallet: 1e6, signIns: 1e6, refusals: 1e6 }
const HOURS = 24

export type Cast = Awaited<ReturnType<typeof makeCast>>

export const makeCast = async () => {
  const stack = new AsyncDisposableStack()
  const clock = { aheadMs: 0 }
  const bench = await makeBench({ faults: { bootMs: 50 } })
  stack.defer(() => bench.close())
  const { anvil, deployment } = bench
  const agent = await bench.start({ nowMs: () => Date.now() + clock.aheadMs, pace: WIDE })
  const account = {
    tenant: anvil.account(ROLES.tenant),
    otherTenant: anvil.account(30),
    viewer: anvil.account(31),
    user: anvil.account(32),
    manager: anvil.account(33),
    revoked: anvil.account(34),
    stranger: anvil.account(ROLES.stranger),
    operator: anvil.account(bench.registered.operator),
  }
  const other = await startOther(bench, stack)
  await anvil.client.setBalance({ address: account.otherTenant.address, value: 10n ** 19n })
  await mint(anvil, deployment.usdc, account.otherTenant.address, 100n * USDC)
  const rpcUrls = [anvil.rpcUrl]
  const otherTenant = await makeTenant({ rpcUrls, deployment, account: account.otherTenant })
  stack.defer(() => otherTenant.close())

  const grant = async (leaseId: Hex, to: LocalAccount, level: keyof typeof LEVELS | null) => {
    const args = level === null ? [leaseId, to.address] : [leaseId, to.address, LEVELS[level]]
    const functionName = level === null ? 'revoke' : 'grant'
    await bench.tenant.journal.send({
      ...{ kind: functionName, dedupe: `${functionName}:${args.join()}`, to: deployment.leaseAccess! },
      data: encodeFunctionData({ abi: leaseAccessAbi as readonly unknown[], functionName, args }),
    })
  }

  const leaseId = await bench.open({ hours: HOURS })
  const { leaseId: othersLease } = await openLease(otherTenant, {
    ...{ node: bench.registered.node, resources: SMALL_VM, manifest: MANIFEST, hours: HOURS },
  })
  const { leaseId: elsewhere } = await openLease(otherTenant, {
    ...{ node: other.node, resources: SMALL_VM, manifest: MANIFEST, hours: HOURS },
  })
  for (const level of ['viewer', 'user', 'manager'] as const) await grant(leaseId, account[level], level)
  await grant(leaseId, account.revoked, 'manager')
  for (const id of [leaseId, othersLease]) await until(agent, id, (vm) => vm.status === 'Running')
  await until(other.agent, elsewhere, (vm) => vm.status === 'Running')

  const messageFor = async (who: LocalAccount, at: { url: string; node: number } = here) => {
    const offer = signInSchema.parse(await askNode(at.url, '/v1/session/nonce', { body: {} }))
    return nodeSignInMessage({
      ...{ deployment, node: at.node, address: who.address, offer },
      ...{ domain: new URL(at.url).host, issuedAt: new Date() },
    })
  }
  const here = { url: agent.url, node: bench.registered.node }
  const signIn = async (who: LocalAccount, at: { url: string; node: number } = here) => {
    const message = await messageFor(who, at)
    const signature = await who.signMessage({ message })
    const body = { message, signature }
    return { body, ...sessionSchema.parse(await askNode(at.url, '/v1/session/login', { body })) }
  }

  return {
    ...{ bench, agent, account, clock, here, leaseId, othersLease, elsewhere, grant, messageFor, signIn },
    other: { url: other.agent.url, node: other.node, dataDir: other.dataDir },
    dataDir: bench.config.dataDir,
    close: () => stack.disposeAsync(),
  }
}

/** Another node on the same chain, with an agent and a data folder of its own. */
const startOther = async (
  { anvil, deployment, config }: Awaited<ReturnType<typeof makeBench>>,
  stack: AsyncDisposableStack,
): Promise<{ agent: Agent; node: number; dataDir: string }> => {
  const registered = await registerNode(anvil, deployment, {
    ...{ nth: 1, offer: SMALL_NODE, endpoint: 'http://127.0.0.1:1', agentFunds: 10n ** 18n },
  })
  const dataDir = await mkdtemp(join(tmpdir(), 'decloud-other-'))
  stack.defer(() => rm(dataDir, { recursive: true, force: true }))
  const own = { ...config, dataDir, node: registered.node, networkName: 'other' }
  const agent = await makeAgent(
    own,
    {
      account: anvil.account(registered.agent),
      sealingKeys: new Map([[1, registered.sealingKey.privateKey]]),
    },
    {
      hypervisor: makeFakeHypervisor(new SimulatedMachine({ faults: { bootMs: 50 } }), instanceOf(own)),
      ...{ machine: PLENTIFUL, sweepMs: 500, pace: WIDE },
    },
  )
  stack.defer(() => agent.close())
  return { agent, node: registered.node, dataDir }
}
