// One node with its chain and its tenant: everything that is not under attack, and the handles on what is.
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { OrderAction } from '@decloud/protocol'
import { type LeaseStatusReport, leaseListSchema } from '@decloud/protocol/wire/node'
import type { Hex } from 'viem'
import { readOperatorToken } from '../../../agent/src/access/operator-token.ts'
import { type Health, healthSchema } from '../../../agent/src/api/health.ts'
import { instanceOf } from '../../../agent/src/context.ts'
import { macOf } from '../../../agent/src/hypervisor/mac.ts'
import { startAnvil } from '../../../test/world/anvil.ts'
import { openMarket, ROLES, registerNode, SMALL_NODE } from '../../../test/world/market.ts'
import { askNode } from '../../lib/node-session.ts'
import { sendOrder, signOrder } from '../../lib/orders.ts'
import { startLibvirtd, virsh } from '../../lib/own-libvirtd.ts'
import { closeLease, makeTenant, openLease, readLease } from '../../lib/tenant.ts'
import type { Expected, Seen } from './judge.ts'
import { keepAgent } from './keep-agent.ts'
import { type Places, takePicture } from './picture.ts'

const NETWORK = { name: 'crash', subnet: '10.99.0.0/24' }
const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDCrFn2oZjmbMZ2CEdZHGVZIX1V2r7pP3NJIJg9HjGq3 crash'

export type Node = Awaited<ReturnType<typeof startNode>>

export const startNode = async ({ folder, imageDir }: { folder: string; imageDir: string }) => {
  const libvirtd = await startLibvirtd()
  const anvil = await startAnvil({ blockTime: 1 })
  const deployment = await openMarket(anvil)
  const offer = { nth: 0, offer: SMALL_NODE, endpoint: '', agentFunds: 10n ** 18n }
  const registered = await registerNode(anvil, deployment, offer)
  const dataDir = join(folder, 'node')
  await mkdir(dataDir)
  await chmod(dataDir, 0o711)
  const logFile = join(folder, 'agent.log')
  const settings = { anvil, deployment, registered, dataDir, imageDir, network: NETWORK, logFile }
  const agent = await keepAgent(settings)
  const tenant = await makeTenant({
    rpcUrls: [anvil.rpcUrl],
    deployment,
    account: anvil.account(ROLES.tenant),
  })
  const instance = instanceOf({ deployment, node: registered.node, networkName: NETWORK.name })
  const places: Places = { dataDir, network: NETWORK.name, instance }

  /** As the operator, whose token outlives every agent; null while none answers well. */
  const askAsOperator = async (path: string): Promise<unknown> => {
    const token = readOperatorToken(dataDir)
    return askNode(agent.url(), path, { token }).catch(() => null)
  }

  const reports = async (): Promise<ReadonlyMap<Hex, LeaseStatusReport>> => {
    const { data } = leaseListSchema.safeParse(await askAsOperator('/v1/leases'))
    return new Map((data?.leases ?? []).map((report) => [report.leaseId, report]))
  }

  const see = async (ids: readonly Hex[]): Promise<Seen> => {
    const [picture, told, statuses] = await Promise.all([
      takePicture(places, ids),
      reports(),
      Promise.all(ids.map(async (id) => (await readLease(tenant, id)).status)),
    ])
    return {
      picture,
      reports: new Map(ids.map((id) => [id, told.get(id) ?? null])),
      active: new Set(ids.filter((_, nth) => statuses[nth] === 'Active')),
    }
  }

  const domainOf = (leaseId: Hex) => `decloud-${instance}-${leaseId.slice(2)}`

  return {
    agent,
    libvirtd,
    see,
    domainOf,
    macOf: (leaseId: Hex) => macOf(instance, leaseId),
    /** Whether the agent believes that it is done: cheap to ask, and no proof. */
    believes: async (leases: readonly Expected[]): Promise<boolean> => {
      const told = await reports()
      return leases.every(({ leaseId, wanted }) => {
        const status = told.get(leaseId)?.vm.status
        if (wanted === 'gone') return status === undefined || status === 'Deleted'
        return status === (wanted === 'off' ? 'Stopped' : 'Running')
      })
    },
    /** The agent's own account of itself; null while it does not answer. */
    health: async (): Promise<Health | null> => {
      const answer = await askAsOperator('/health')
      return answer === null ? null : healthSchema.parse(answer)
    },
    /** The agent's reports of the leases that it has a record of; empty while it does not answer. */
    reports,
    /** @param tier quality tier; the burstable one is the least that a node has to have for it. */
    open: async (tier = 1): Promise<Hex> => {
      const { leaseId } = await openLease(tenant, {
        node: registered.node,
        resources: { vcpus: 1, tier, bandwidth: 0, gpus: 0, memoryMiB: 256, diskGiB: 1 },
        hours: 1,
        holdBack: 600,
        manifest: {
          version: 1,
          image: 'tiny',
          hostname: 'crash',
          sshKeys: [SSH_KEY],
          passwordHash: null,
          variables: {},
        },
      })
      return leaseId
    },
    /** Signed by the tenant and taken by the agent: what is answered is on the node's disk. */
    order: async (leaseId: Hex, action: OrderAction): Promise<void> => {
      const body = await signOrder(tenant, { leaseId, node: registered.node, action })
      await sendOrder(agent.url(), leaseId, body)
    },
    close: (leaseId: Hex) => closeLease(tenant, leaseId),
    /** The guest powers itself off, as anybody may who is root inside. @returns whether it has surely heard. */
    powerOff: async (leaseId: Hex): Promise<boolean> => {
      const command = { execute: 'guest-shutdown', arguments: { mode: 'powerdown' } }
      const asked = virsh('qemu-agent-command', domainOf(leaseId), '--timeout', '5', JSON.stringify(command))
      // Who obeys does not answer any more.
      return asked.then(
        () => true,
        (error: Error) => /disappeared while executing/.test(error.message),
      )
    },
  }
}
