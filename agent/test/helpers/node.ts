// One real agent on a real local chain, with a simulated machine that outlives it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Deployment,
  type Manifest,
  type ManifestContext,
  manifestPayload,
  type Recipient,
  type Resources,
  sealManifest,
} from '@decloud/protocol'
import type { Hex } from 'viem'
import {
  type LeaseRequest,
  makeTenant,
  openLease,
  readLease,
  type Tenant,
} from '../../../scripts/lib/tenant.ts'
import { type Anvil, startAnvil } from '../../../test/world/anvil.ts'
import {
  openMarket,
  type RegisteredNode,
  ROLES,
  registerNode,
  SMALL_NODE,
} from '../../../test/world/market.ts'
import { instanceOf, type Overrides } from '../../src/context.ts'
import { makeFakeHypervisor } from '../../src/hypervisor/fake/driver.ts'
import { type Faults, SimulatedMachine } from '../../src/hypervisor/fake/machine.ts'
import { type Agent, type AgentConfig, type AgentSecrets, makeAgent, type VmRecord } from '../../src/main.ts'
import { PLENTIFUL } from './resources.ts'

const ONE_COIN = 10n ** 18n

export const MANIFEST: Manifest = {
  version: 1,
  image: 'debian-12',
  hostname: 'box',
  sshKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDCrFn2oZjmbMZ2CEdZHGVZIX1V2r7pP3NJIJg9HjGq3 me@host'],
  passwordHash: null,
  variables: {},
}

export const SMALL_VM: Resources = { vcpus: 1, tier: 1, bandwidth: 1, gpus: 0, memoryMiB: 512, diskGiB: 3 }

type Tampering = { sealTo?: Recipient; slipIn?: Manifest }

export type Bench = {
  anvil: Anvil
  deployment: Deployment
  registered: RegisteredNode
  config: AgentConfig
  secrets: AgentSecrets
  machine: SimulatedMachine
  instance: string
  tenant: Tenant
  /** Starts an agent; every one that is still up is closed with the bench. */
  start(overrides?: Overrides, config?: Partial<AgentConfig>, secrets?: Partial<AgentSecrets>): Promise<Agent>
  /** `sealTo`: seals to another key. `slipIn`: seals another manifest than the one signed. */
  open(request?: Partial<LeaseRequest> & Tampering): Promise<Hex>
  close(): Promise<void>
}

export const makeBench = async (
  options: { agentFunds?: bigint; faults?: Partial<Faults> } = {},
): Promise<Bench> => {
  const anvil = await startAnvil({ blockTime: 1 })
  const dataDir = await mkdtemp(join(tmpdir(), 'decloud-agent-'))
  const deployment = await openMarket(anvil)
  const registered = await registerNode(anvil, deployment, {
    nth: 0,
    offer: SMALL_NODE,
    endpoint: 'http://127.0.0.1:1',
    agentFunds: options.agentFunds ?? ONE_COIN,
  })
  const config: AgentConfig = {
    rpcUrls: [anvil.rpcUrl],
    deployment,
    node: registered.node,
    dataDir,
    hypervisor: 'simulated',
    acceleration: 'auto',
    libvirtUri: 'qemu:///system',
    networkName: 'decloud',
    networkSubnet: '10.77.0.0/24',
    apiPort: 0,
    logLevel: 'silent',
  }
  const secrets: AgentSecrets = {
    account: anvil.account(registered.agent),
    sealingKeys: new Map([[1, registered.sealingKey.privateKey]]),
  }
  const machine = new SimulatedMachine({ faults: options.faults ?? {} })
  const instance = instanceOf(config)
  const tenant = await makeTenant({
    rpcUrls: [anvil.rpcUrl],
    deployment,
    account: anvil.account(ROLES.tenant),
  })
  const agents = new Set<Agent>()
  return {
    anvil,
    deployment,
    registered,
    config,
    secrets,
    machine,
    instance,
    tenant,
    start: async (overrides = {}, changed = {}, otherSecrets = {}) => {
      const agent = await makeAgent(
        { ...config, ...changed },
        { ...secrets, ...otherSecrets },
        {
          hypervisor: makeFakeHypervisor(machine, instance),
          machine: PLENTIFUL,
          backoff: { baseMs: 50, capMs: 400 },
          sweepMs: 500,
          ...overrides,
        },
      )
      agents.add(agent)
      return agent
    },
    open: (request = {}) => openTampered(tenant, registered, request),
    close: async () => {
      await Promise.all([...agents].map((agent) => agent.close()))
      await tenant.close()
      await anvil.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Opens a lease; with tampering, around the library, which would not do such a thing. */
const openTampered = async (
  tenant: Tenant,
  { node, sealingKey }: RegisteredNode,
  { sealTo, slipIn, ...request }: Partial<LeaseRequest> & Tampering,
): Promise<Hex> => {
  const wanted = { node, resources: SMALL_VM, manifest: MANIFEST, ...request }
  if (sealTo === undefined && slipIn === undefined) return (await openLease(tenant, wanted)).leaseId
  const salt: Hex = `0x${'5a'.repeat(32)}`
  const seal = (context: ManifestContext) =>
    sealManifest(manifestPayload(slipIn ?? wanted.manifest, salt), context, [
      sealTo ?? { publicKey: sealingKey.publicKey, epoch: 1 },
    ])
  return (await openLease(tenant, wanted, { seal })).leaseId
}

/** Resolves with the record once it satisfies `predicate`; rejects with what it was last. */
export const until = (
  agent: Pick<Agent, 'vm' | 'onVm'>,
  leaseId: Hex,
  predicate: (vm: VmRecord) => boolean,
  deadlineMs = 20_000,
): Promise<VmRecord> =>
  new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer)
      end()
      settle()
    }
    const look = (vm: VmRecord | null) => {
      if (vm !== null && vm.leaseId === leaseId && predicate(vm)) finish(() => resolve(vm))
    }
    const timer = setTimeout(
      () => finish(() => reject(new Error(`not in ${deadlineMs} ms: ${JSON.stringify(agent.vm(leaseId))}`))),
      deadlineMs,
    )
    const end = agent.onVm(look)
    look(agent.vm(leaseId))
  })

export const chainStatus = async (bench: Bench, leaseId: Hex) =>
  (await readLease(bench.tenant, leaseId)).status
