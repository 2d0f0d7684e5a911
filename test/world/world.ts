// A whole DeCloud in one process: local chain, contracts, keeper, agents. For tests, the demo and a REPL.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Deployment } from '@decloud/protocol'
import { bytesToHex } from 'viem'
import type { Overrides } from '../../agent/src/main.ts'
import { type Keeper, makeKeeper, parseConfig } from '../../keeper/src/index.ts'
import type { Leftovers } from '../../scripts/lib/leftovers.ts'
import { type Anvil, startAnvil } from './anvil.ts'
import { type NodeOffer, openMarket, ROLES } from './market.ts'
import { type RunningNode, startNode } from './node.ts'

export type WorldOptions = {
  hypervisor: 'simulated' | 'libvirt'
  /** 1 by default. */
  nodes?: number
  offer?: Partial<NodeOffer>
  /** Wei given to each agent for gas; one coin by default. */
  agentFunds?: bigint
  /** Directory of the guest images; simulated guests need none. */
  imageDir?: string
  /** Whether the keeper places requests that name no node; it does by default. */
  scheduler?: boolean
  /** Whether the keeper pays the gas of what tenants sign; it does not by default. */
  sponsor?: boolean
  /** The guest network of the `nth` node, counted from 0. */
  network?: (nth: number) => { name: string; subnet: string }
  /** Adapters of the agents in the place of the machine's own. */
  overrides?: (nth: number) => Overrides
  /** Is told of every process, network and directory that is made, for the day that this process is killed. */
  leftovers?: Leftovers
  logLevel?: 'info' | 'warn' | 'silent'
  /** Where the agents' logs go instead of stderr, at level info. */
  logFile?: string
}

export type World = AsyncDisposable & {
  anvil: Anvil
  deployment: Deployment
  directory: string
  keeper: Keeper
  nodes: readonly RunningNode[]
  close(): Promise<void>
}

/**
 * Boots everything and returns when every part answers; what was started is stopped again when something fails.
 * @throws DecloudError with the sentence of the part that did not start.
 */
export const startWorld = async (options: WorldOptions): Promise<World> => {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'decloud-world-'))
  options.leftovers?.add({ kind: 'directory', path: directory })
  stack.defer(() => rm(directory, { recursive: true, force: true }))

  const anvil = await startAnvil({ blockTime: 1 })
  await options.leftovers?.process(anvil.pid)
  stack.defer(() => anvil.stop())
  const deployment = await openMarket(anvil)

  const keeper = await startKeeper({ anvil, deployment, directory, options })
  stack.defer(() => keeper.close())

  const nodes: RunningNode[] = []
  // Gossip first, HTTP where it fails.
  const keepers = [...keeper.heartbeats.addresses(), keeper.url]
  for (let nth = 0; nth < (options.nodes ?? 1); nth++) {
    const node = await startNode({ anvil, deployment, directory, options, nth, keepers })
    stack.defer(() => node.remove())
    nodes.push(node)
  }
  const owned = stack.move()
  const close = () => owned.disposeAsync()
  return { anvil, deployment, directory, keeper, nodes, close, [Symbol.asyncDispose]: close }
}

const startKeeper = (world: {
  anvil: Anvil
  deployment: Deployment
  directory: string
  options: WorldOptions
}): Promise<Keeper> => {
  const { anvil, deployment, directory, options } = world
  const config = parseConfig({
    rpcUrls: [anvil.rpcUrl],
    deployment,
    dataDir: join(directory, 'keeper'),
    port: 0,
    // Chores run when a test or the demo asks for a round.
    settleEverySeconds: 3_600,
    // The coin of a play chain is worth nothing: no settlement is too small for its gas.
    upkeep: { gasCoinUsdc: '0' },
    // All of a world's agents and tenants come from one address.
    api: { requestsPerMinute: 100_000, costlyRequestsPerMinute: 100_000 },
    scheduler: { enabled: options.scheduler ?? true },
    sponsor: { enabled: options.sponsor ?? false },
    logLevel: options.logLevel ?? 'silent',
  })
  const { privateKey } = anvil.account(ROLES.keeper).getHdKey()
  return makeKeeper({ config, key: { privateKey: bytesToHex(privateKey!) } })
}
