// Composition root: the only place, with main, where adapters are made.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import {
  type Chain,
  connect,
  type Follower,
  makeEventReader,
  makeFollower,
  makeJournal,
  openDatabase,
} from '@decloud/chain'
import { sentenceOf } from '@decloud/protocol'
import type { Scrub } from '@decloud/service/log'
import { type Metrics, watchJournal, watchRpc } from '@decloud/service/metrics'
import type { Database } from 'better-sqlite3'
import { parseGwei } from 'viem'
import type { PaceLimits } from './access/pace.ts'
import { openAccess } from './access.ts'
import { startBeats } from './beats.ts'
import { makeLeaseChain } from './chain/lease-chain.ts'
import { makeLeaseFeed } from './chain/lease-feed.ts'
import { makeManifestOpener } from './chain/manifests.ts'
import { checkNode, sealingEpochOf } from './chain/node-facts.ts'
import { makeNodeOffer } from './chain/node-offer.ts'
import { makePostedManifests, manifestHashOf } from './chain/posted-manifests.ts'
import { type AgentConfig, DEFAULT_MAX_FEE_GWEI, DEVELOPMENT_CHAIN, diskReserveOf } from './config/config.ts'
import type { AgentSecrets } from './config/secrets.ts'
import { LIMITS, type Limits } from './domain/situation.ts'
import type { VmRecord } from './domain/vm.ts'
import { beginDuties } from './duties.ts'
import { EVENTS_FILE, openEventLog } from './events/event-log.ts'
import { recordJournal } from './events/watch-journal.ts'
import { recordLeases } from './events/watch-leases.ts'
import { recordHypervisor } from './events/watch-machine.ts'
import { recordStates } from './events/watch-states.ts'
import { recordOutages, recordVms } from './events/watch-vms.ts'
import { beginFacts } from './facts.ts'
import { updateAccess } from './guest/access-update.ts'
import { seedFiles } from './guest/seed.ts'
import { checkService } from './guest/service-check.ts'
import { checkSystem } from './guest/system-check.ts'
import { hostAddress, parseSubnet } from './hypervisor/ipv4.ts'
import { macOf } from './hypervisor/mac.ts'
import type { Backoff } from './lib/backoff.ts'
import type { Disposer } from './lib/disposer.ts'
import type { Logger } from './lib/log.ts'
import { makeMachine } from './lib/machine.ts'
import { KEYS, type MachineAdapters, openMachine } from './machine.ts'
import { makeMailboxClient } from './mailbox/client.ts'
import { openMetrics, watchAll } from './metrics/metrics.ts'
import { countEvents, watchSteps } from './metrics/node.ts'
import { conditionsOf, recordedMachine } from './observe.ts'
import { openOrders } from './orders.ts'
import type { EventLog } from './ports/events.ts'
import type { EnterGuest } from './ports/guest-login.ts'
import type { Deps, Machine, VmStore, Wishes } from './reconcile/ports.ts'
import { makeReconciler } from './reconcile/reconciler.ts'
import { restoreLedger } from './reconcile/restore-ledger.ts'
import { SPACE_LOOK_MS, watchSpace } from './reconcile/space-guard.ts'
import { makeTending } from './reconcile/tending.ts'
import { makeIssuer } from './ssh/issuer.ts'
import { makeNodeLogin } from './ssh/node-login.ts'
import { lockDataDir } from './state/data-dir.ts'
import { makeLedger } from './state/ledger-store.ts'
import { makeOutageStore } from './state/outage-store.ts'
import { makeVmStore, reconsiderRefusals } from './state/vm-store.ts'
import { openStreams } from './streams.ts'
import type { TerminalLimits } from './terminal/terminals.ts'

/** What a test or an embedding program may put in the place of the real thing; it keeps what it gave. */
export type Overrides = Partial<MachineAdapters> & {
  machine?: Machine
  wishes?: Wishes
  nowMs?: () => number
  random?: () => number
  /** Cuts secrets out of what events say. */
  scrub?: Scrub
  limits?: Limits
  backoff?: Backoff
  sweepMs?: number
  /** Milliseconds between the rounds of every duty. */
  dutiesMs?: number
  /** Milliseconds between looks at whether a command has found out something new about the machine. */
  factsMs?: number
  /** How fast callers of the API may ask. */
  pace?: PaceLimits
  enterGuest?: EnterGuest
  terminals?: TerminalLimits
}

export type VmListener = (vm: VmRecord) => void

/**
 * Builds everything, starts nothing but the follower. Whatever was made when it fails is released by `disposer`.
 * @throws DecloudError with a sentence for the operator.
 */
export const makeContext = async (
  config: AgentConfig,
  secrets: AgentSecrets,
  log: Logger,
  disposer: Disposer,
  overrides: Overrides,
) => {
  const nowMs = overrides.nowMs ?? Date.now
  const dataDir = lockDataDir(config.dataDir)
  disposer.add(() => dataDir.release())
  const db = openDatabase(dataDir.database)
  disposer.add(() => db.close())
  const registry = openMetrics(log)
  const { metrics } = registry
  const eventLog = openEvents(dataDir.path, nowMs, log, overrides.scrub)
  disposer.add(() => eventLog.close())
  const events = countEvents(metrics, eventLog)
  const watched = watch(recordVms(makeVmStore(db), events))
  reconsiderRefusals(db)

  const chain = await connect({
    urls: config.rpcUrls,
    deployment: config.deployment,
    onCall: watchRpc(metrics),
  })
  await checkNode(chain, config.node, secrets.account.address, secrets.sealingKeys)

  const instance = instanceOf(config)
  const machine = await openMachine(config, instance, machineOverrides(overrides), log)
  disposer.add(() => machine.release())
  const adapters = recordedMachine(machine, events, nowMs)
  await adapters.hypervisor.ensureNetwork({
    name: config.networkName,
    subnet: config.networkSubnet,
    mode: 'nat',
  })
  const { leaseChain, follower, journal } = await openChain({
    config,
    secrets,
    chain,
    db,
    log,
    events,
    metrics,
    disposer,
    nowMs,
  })
  const { hypervisor } = adapters
  disposer.add(recordHypervisor(hypervisor, events))
  const tending = makeTending(hypervisor, adapters, log)
  disposer.add(() => tending.close())
  const random = overrides.random ?? Math.random
  const orders = openOrders({
    ...{ chain, follower, journal, leases: leaseChain, store: watched.store, db },
    quarantineMs: (overrides.limits ?? LIMITS).quarantineMs,
    ...{ log, nowMs, random, disposer },
  })
  const posted = makePostedManifests(db, makeEventReader(config.deployment), config.deployment)
  disposer.add(follower.onChange((change) => void posted.apply(change)))
  const mac = (leaseId: `0x${string}`) => macOf(instance, leaseId)
  const deps: Deps = {
    chain: leaseChain,
    manifestHash: (lease) => manifestHashOf(lease, posted.of(lease.leaseId)),
    openManifest: makeManifestOpener(config.deployment, sealingOf(chain, config, secrets), {
      posted: (leaseId) => posted.of(leaseId),
      mailboxes: makeMailboxClient({
        ...config,
        keeperUrls: (config.keepers ?? []).filter((address) => address.startsWith('http')),
        account: secrets.account,
        log,
        nowMs,
      }),
    }),
    ...adapters,
    resources: {
      offer: makeNodeOffer(chain, config.node, nowMs),
      ledger: makeLedger(db),
      shaper: adapters.shaper,
      anchors: adapters.anchors,
      tending,
      gpuAddresses: config.gpus ?? [],
    },
    guest: {
      seedFiles,
      macOf: mac,
      nodeAddress: hostAddress(parseSubnet(config.networkSubnet)),
      check: (leaseId) => checkSystem(hypervisor, leaseId, mac(leaseId)),
      updateAccess: (leaseId, keys) => updateAccess(hypervisor, leaseId, keys),
      look: (leaseId, check, ipv4) => checkService(hypervisor, leaseId, check, ipv4),
    },
    machine: overrides.machine ?? makeMachine(dataDir.path, diskReserveOf(config)),
    store: watched.store,
    outages: recordOutages(makeOutageStore(db), events),
    wishes: overrides.wishes ?? orders.wishes,
    events,
    networkName: config.networkName,
    log,
    nowMs,
    random,
  }
  const access = openAccess({
    ...{ config, chain, follower, leases: leaseChain, db, events, nowMs, disposer },
    pace: overrides.pace,
  })
  await restoreLedger(deps)
  const space = watchSpace({ ...deps, lookMs: overrides.sweepMs ?? SPACE_LOOK_MS })
  disposer.add(() => space.close())
  const { limits, backoff, sweepMs } = overrides
  const reconciler = makeReconciler({
    deps,
    onStep: watchSteps(metrics),
    ...(limits === undefined ? {} : { limits }),
    ...(backoff === undefined ? {} : { backoff }),
    ...(sweepMs === undefined ? {} : { sweepMs }),
  })
  disposer.add(() => reconciler.close())
  const duties = beginDuties({
    ...{ config, chain, follower, journal, db, deps, disposer },
    everyMs: overrides.dutiesMs,
  })
  const herald = beginFacts({ config, secrets, deps, disposer, lookMs: overrides.factsMs })
  const beats = await startBeats({ config, secrets, db, deps, disposer })
  disposer.add(recordStates(conditionsOf({ follower, space, duties, beats }), events))
  const enterGuest =
    overrides.enterGuest ?? makeNodeLogin({ ...deps, network: parseSubnet(config.networkSubnet) })
  const streams = openStreams({ db, deps, enterGuest, limits: overrides.terminals, disposer })
  const usage = watchAll({ registry, deps, follower, disposer, space, beats, duties })
  const certificates = makeIssuer({ ...deps, directory: join(dataDir.path, KEYS) })
  return {
    deps,
    access,
    follower,
    reconciler,
    orders,
    beats,
    duties,
    space,
    usage,
    registry,
    /** What the API serves, but for the health of all this. */
    served: {
      ...{ access, orders, streams, certificates },
      ...{ store: watched.store, statement: herald.statement },
      ...{ usage, metrics: registry },
      trustedProxies: config.trustedProxies ?? [],
    },
    subscribe: watched.subscribe,
  }
}
export type Context = Awaited<ReturnType<typeof makeContext>>

const sealingOf = (chain: Chain, { node }: AgentConfig, secrets: AgentSecrets) => {
  const { sealingKeys: keys, rereadSealingKeys: reread } = secrets
  const epochOnChain = () => sealingEpochOf(chain, node)
  return { keys, epochOnChain, ...(reread === undefined ? {} : { reread }) }
}

const openEvents = (dataDir: string, nowMs: () => number, log: Logger, scrub?: Scrub) =>
  openEventLog({
    ...(scrub === undefined ? {} : { scrub }),
    path: join(dataDir, EVENTS_FILE),
    nowMs,
    onError: (error) => log.warn({ detail: sentenceOf(error) }, 'an event was not kept'),
  })

const openChain = async (options: {
  config: AgentConfig
  secrets: AgentSecrets
  chain: Chain
  db: Database
  log: Logger
  events: EventLog
  metrics: Metrics
  disposer: Disposer
  nowMs: () => number
}) => {
  const { config, secrets, chain, db, log, events, metrics, disposer, nowMs } = options
  const onError = (error: unknown) => log.warn({ err: error }, 'chain')
  const follower: Follower = makeFollower({ chain, db, projectors: [], onError })
  disposer.add(() => follower.close())
  const maxFeePerGas = parseGwei(String(config.maxFeeGwei ?? DEFAULT_MAX_FEE_GWEI))
  const sender = makeJournal({ chain, db, account: secrets.account, maxFeePerGas, onError })
  const journal = watchJournal(metrics, recordJournal(sender, events, nowMs))
  disposer.add(() => journal.close())
  const feed = makeLeaseFeed({
    db,
    read: makeEventReader(config.deployment),
    deployment: config.deployment,
    node: config.node,
  })
  const leaseChain = makeLeaseChain({ chain, follower, journal, feed, node: config.node, nowMs })
  disposer.add(() => leaseChain.close())
  disposer.add(recordLeases(leaseChain, events))
  await journal.recover()
  follower.start()
  return { leaseChain, follower, journal }
}

const machineOverrides = ({
  hypervisor,
  images,
  disks,
  seeds,
  shaper,
  anchors,
}: Overrides): Partial<MachineAdapters> => ({
  ...(hypervisor === undefined ? {} : { hypervisor }),
  ...(images === undefined ? {} : { images }),
  ...(disks === undefined ? {} : { disks }),
  ...(seeds === undefined ? {} : { seeds }),
  ...(shaper === undefined ? {} : { shaper }),
  ...(anchors === undefined ? {} : { anchors }),
})

/**
 * Tells the guests of this node on this deployment from all others on the machine; at most 24 letters and digits. Local
 * chains all have the same id and the same addresses: there the guests' network tells one world from the next.
 */
export const instanceOf = (config: Pick<AgentConfig, 'deployment' | 'node' | 'networkName'>): string => {
  const { chainId, leaseEscrow } = config.deployment
  const world = chainId === DEVELOPMENT_CHAIN ? config.networkName : ''
  const identity = `${chainId}:${leaseEscrow.toLowerCase()}:${config.node}:${world}`
  return `n${createHash('sha256').update(identity).digest('hex').slice(0, 12)}`
}

const watch = (store: VmStore) => {
  const listeners = new Set<VmListener>()
  return {
    store: {
      ...store,
      put: (vm: VmRecord) => {
        store.put(vm)
        for (const listener of [...listeners]) listener(vm)
      },
    } satisfies VmStore,
    subscribe: (listener: VmListener) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}
