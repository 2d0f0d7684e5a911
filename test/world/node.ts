// One node of a world: registered on the chain, its agent in this process, free to die and come back.
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Deployment } from '@decloud/protocol'
import { instanceOf } from '../../agent/src/context.ts'
import { openLibvirt } from '../../agent/src/hypervisor/libvirt/driver.ts'
import { makeLogger } from '../../agent/src/lib/log.ts'
import { type Agent, type AgentConfig, makeAgent } from '../../agent/src/main.ts'
import { ifbPrefix } from '../../agent/src/qos/names.ts'
import { makeTcShaper } from '../../agent/src/qos/tc-shaper.ts'
import { makeTools } from '../../agent/src/qos/tools.ts'
import type { Anvil } from './anvil.ts'
import { type RegisteredNode, registerNode, SMALL_NODE, setEndpoint } from './market.ts'
import type { WorldOptions } from './world.ts'

export type RunningNode = {
  registered: RegisteredNode
  /** The agent that runs now. */
  agent(): Agent
  /** Stops the agent and starts another on the same state; guests go on meanwhile. */
  restart(): Promise<Agent>
  /** Stops the agent and removes its guests and their network: the end of the world. */
  remove(): Promise<void>
}

export const LIBVIRT = 'qemu:///system'

// Interface names have fifteen letters at most; ranges of their own let worlds run side by side.
export const networkOf = (nth: number) => ({
  name: `dc${process.pid % 1_000_000}n${nth}`,
  subnet: `10.${100 + (process.pid % 100)}.${nth}.0/24`,
})

export const startNode = async (world: {
  anvil: Anvil
  deployment: Deployment
  directory: string
  options: WorldOptions
  nth: number
  /** Who hears the node's beats. */
  keepers: string[]
}): Promise<RunningNode> => {
  const { anvil, deployment, options, nth } = world
  const registered = await registerNode(anvil, deployment, {
    nth,
    offer: { ...SMALL_NODE, ...options.offer },
    endpoint: '',
    agentFunds: options.agentFunds ?? 10n ** 18n,
  })
  const network = (options.network ?? networkOf)(nth)
  const dataDir = join(world.directory, `node-${nth}`)
  await mkdir(dataDir)
  // QEMU runs as a user of its own and must reach the disks below; each file inside is private by its own mode.
  for (const path of [world.directory, dataDir]) await chmod(path, 0o711)
  if (options.hypervisor === 'libvirt') {
    options.leftovers?.add({ kind: 'network', uri: LIBVIRT, name: network.name })
  }
  const config: AgentConfig = {
    rpcUrls: [anvil.rpcUrl],
    deployment,
    node: registered.node,
    dataDir,
    imageDir: options.imageDir,
    hypervisor: options.hypervisor,
    acceleration: 'auto',
    libvirtUri: LIBVIRT,
    networkName: network.name,
    networkSubnet: network.subnet,
    apiPort: 0,
    keepers: world.keepers,
    logLevel: options.logLevel ?? 'silent',
  }
  if (options.hypervisor === 'libvirt') {
    options.leftovers?.add({ kind: 'links', prefix: ifbPrefix(instanceOf(config)) })
  }
  const secrets = {
    account: anvil.account(registered.agent),
    sealingKeys: new Map([[1, registered.sealingKey.privateKey]]),
  }
  const start = async () => {
    const log = options.logFile === undefined ? {} : { log: makeLogger('info', options.logFile) }
    const agent = await makeAgent(config, secrets, { ...options.overrides?.(nth), ...log })
    await setEndpoint(anvil, deployment, registered, agent.url)
    return agent
  }
  let agent = await start()
  return {
    registered,
    agent: () => agent,
    restart: async () => {
      await agent.close()
      agent = await start()
      return agent
    },
    remove: async () => {
      await agent.close()
      if (options.hypervisor === 'libvirt') await removeGuests(network.name, instanceOf(config))
    },
  }
}

/** An agent never does this by itself: guests outlive it. */
const removeGuests = async (networkName: string, instance: string) => {
  const hypervisor = await openLibvirt({ uri: LIBVIRT, instance, acceleration: 'auto' })
  try {
    for (const { leaseId } of await hypervisor.list()) {
      await hypervisor.destroy(leaseId)
      await hypervisor.undefine(leaseId)
    }
    await hypervisor.removeNetwork(networkName)
    await makeTcShaper({ instance, tools: makeTools(), mode: 'tc', reason: '' }).sweep(async () => [])
  } finally {
    await hypervisor.close()
  }
}
