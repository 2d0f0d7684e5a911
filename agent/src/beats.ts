// The part of the composition root that tells keepers that this node is there. Nothing else depends on it: without a
// keeper, or with none in reach, guests run and are billed all the same.
import { join } from 'node:path'
import { type Gossip, loadPeerKey, makeMesh } from '@decloud/gossip'
import { sentenceOf } from '@decloud/protocol'
import { type Beat, beatTopic, MAX_BEAT_BYTES, signBeat } from '@decloud/protocol/wire/heartbeat'
import type { Database } from 'better-sqlite3'
import { freeOf, servicesOf } from './beats/beat.ts'
import { makeCarrier } from './beats/carrier.ts'
import { type BeatSender, makeBeatSender } from './beats/sender.ts'
import { makeSlotBook } from './beats/slots.ts'
import type { AgentConfig } from './config/config.ts'
import type { AgentSecrets } from './config/secrets.ts'
import type { Disposer } from './lib/disposer.ts'
import { VERSION } from './lib/version.ts'
import type { Deps, Log } from './reconcile/ports.ts'

export type BeatsOptions = {
  config: AgentConfig
  secrets: AgentSecrets
  db: Database
  deps: Pick<Deps, 'store' | 'machine' | 'log' | 'nowMs' | 'random'>
  disposer: Disposer
}

/** Starts to send, and stops with `disposer`; null when no keeper is configured. */
export const startBeats = async (options: BeatsOptions): Promise<BeatSender | null> => {
  const { config, secrets, db, deps, disposer } = options
  const keepers = config.keepers ?? []
  if (keepers.length === 0) return null
  const { log, nowMs, random } = deps
  const { chainId, nodeRegistry } = config.deployment
  const scope = { chainId, nodeRegistry }
  const peers = keepers.filter((address) => address.startsWith('/'))
  const gossip = peers.length === 0 ? null : await openGossip(config.dataDir, beatTopic(scope), peers, log)
  if (gossip !== null) disposer.add(() => gossip.close())
  const sender = makeBeatSender({
    slots: makeSlotBook(db, nowMs()),
    report: () => reportOf(config.node, deps),
    sign: (beat) => signBeat(scope, beat, secrets.account),
    carrier: makeCarrier({ gossip, urls: keepers.filter((address) => !address.startsWith('/')) }),
    ...{ log, nowMs, random },
  })
  disposer.add(() => sender.close())
  return sender
}

const reportOf = async (
  node: number,
  { store, machine, log }: BeatsOptions['deps'],
): Promise<Omit<Beat, 'slot' | 'bootId'>> => {
  const unknown = (error: unknown) => {
    log.warn({ detail: sentenceOf(error) }, 'the beat names no free resources: they cannot be read')
    return 0
  }
  const [memoryMiB, diskBytes] = await Promise.all([
    machine.availableMemoryMiB().catch(unknown),
    machine.availableDiskBytes().catch(unknown),
  ])
  return { node, version: VERSION, free: freeOf(memoryMiB, diskBytes), ...servicesOf(store.all()) }
}

/** Gossip that cannot be had leaves HTTP: a node is not kept from its work by it. */
const openGossip = async (
  dataDir: string,
  topic: string,
  bootstrap: readonly string[],
  log: Log,
): Promise<Gossip | null> => {
  const onError = (error: unknown) => log.warn({ detail: sentenceOf(error) }, 'gossip')
  try {
    const key = await loadPeerKey(join(dataDir, 'peer.key'))
    return await makeMesh({ key, topic, bootstrap, listen: [], maxMessageBytes: MAX_BEAT_BYTES, onError })
  } catch (error) {
    onError(error)
    return null
  }
}
