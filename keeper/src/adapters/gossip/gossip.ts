import { join } from 'node:path'
import { type Ear, type Gossip, loadPeerKey, makeMesh } from '@decloud/gossip'
import { MAX_BEAT_BYTES } from '@decloud/protocol/wire/heartbeat'
import type { GossipConfig } from '../../config/gossip.ts'

/** Hears nobody and is heard by nobody. */
const silent: Gossip = {
  peerId: '',
  addresses: () => [],
  listeners: () => 0,
  publish: async () => 0,
  close: async () => {},
}

/**
 * Gossip as the configuration wants it. The peer key lives in the data folder.
 * @throws DecloudError `peer-key-unusable`, `multiaddr-invalid`, `gossip-unusable`.
 */
export const openGossip = async (options: {
  config: GossipConfig
  dataDir: string
  topic: string
  ear: Ear
  onError(error: unknown): void
}): Promise<Gossip> => {
  const { config, dataDir, topic, ear, onError } = options
  if (!config.enabled) return silent
  const key = await loadPeerKey(join(dataDir, 'peer.key'))
  const { listen, bootstrap } = config
  return makeMesh({ key, topic, ear, listen, bootstrap, maxMessageBytes: MAX_BEAT_BYTES, onError })
}
