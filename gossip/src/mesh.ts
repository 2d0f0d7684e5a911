// Gossip over libp2p: TCP, Noise, Yamux, gossipsub.
import { DecloudError } from '@decloud/protocol'
import { type GossipSub, gossipsub, StrictNoSign, TopicValidatorResult } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { checkAddress, stayConnected } from './dialler.ts'
import type { PeerKey } from './key.ts'
import { type Bans, makeBans, SCORE_THRESHOLDS, scoreParamsOf } from './scoring.ts'
import type { Ear, Gossip, GossipOptions, Verdict } from './types.ts'

export type MeshOptions = GossipOptions & {
  key: PeerKey
  /** Longer messages are refused unread. */
  maxMessageBytes: number
  /** 2,048 by default. */
  maxConnections?: number
  now?(): number
}

/** One frame may carry many messages: a peer that fell behind is sent what it missed in one. */
const MAX_FRAME_BYTES = 1 << 20
const MAX_MESSAGES_PER_FRAME = 1_024
/** libp2p's own 5 would reset the agents of one household that come back together. */
const INBOUND_PER_HOST_AND_SECOND = 64

const RESULTS: Readonly<Record<Verdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

/** @throws DecloudError `multiaddr-invalid`, `gossip-unusable` when it cannot listen; nothing is left open then. */
export const makeMesh = async (options: MeshOptions): Promise<Gossip> => {
  const { topic, onError = () => {} } = options
  const bans = makeBans(options.now ?? Date.now)
  for (const address of options.listen) checkAddress(address)
  const bootstrap = options.bootstrap.map(checkAddress)
  const node = await createLibp2p({ ...libp2pOptions(options, bans), start: false })
  const pubsub = node.services.pubsub
  const abort = new AbortController()
  const hangUp = (peer: string) => {
    const connections = node.getConnections().filter((one) => one.remotePeer.toString() === peer)
    for (const connection of connections) connection.abort(new Error('too many messages were rejected'))
  }
  const judge = judgeWith(options, bans, hangUp)
  if (judge !== null) {
    pubsub.topicValidators.set(topic, async (peer, { data }) => RESULTS[await judge(data, peer.toString())])
  }
  try {
    await node.start()
    if (judge !== null) pubsub.subscribe(topic)
  } catch (cause) {
    await node.stop()
    throw new DecloudError('gossip-unusable', `Gossip cannot listen on ${options.listen.join(', ')}.`, {
      hint: 'Check that the address belongs to this machine and that its port is free.',
      cause,
    })
  }
  const own = node.peerId.toString()
  const dials = bootstrap
    .filter((address) => !address.toString().endsWith(`/p2p/${own}`))
    .map((address) => stayConnected(address, (to, using) => node.dial(to, using), abort.signal, onError))
  let closing: Promise<void> | null = null
  const stop = async () => {
    abort.abort()
    await Promise.all(dials)
    await node.stop()
  }
  return {
    peerId: own,
    addresses: () => node.getMultiaddrs().map((address) => address.toString()),
    listeners: () => pubsub.getSubscribers(topic).length,
    publish: (message) => publish(pubsub, topic, message),
    close: () => {
      closing ??= stop()
      return closing
    },
  }
}

const libp2pOptions = ({ key, topic, listen, ...options }: MeshOptions, bans: Bans) => ({
  privateKey: key,
  addresses: { listen: [...listen] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionManager: {
    maxConnections: options.maxConnections ?? 2_048,
    inboundConnectionThreshold: INBOUND_PER_HOST_AND_SECOND,
    maxIncomingPendingConnections: 128,
  },
  connectionGater: {
    denyInboundEncryptedConnection: (peer: { toString(): string }) => bans.isBanned(peer.toString()),
  },
  services: {
    identify: identify(),
    pubsub: gossipsub({
      // The author's signature is in the message itself; another one by the peer would say nothing more.
      globalSignaturePolicy: StrictNoSign,
      allowedTopics: [topic],
      // One message of a peer at a time: a flood waits in its own stream, not in this process's memory.
      awaitRpcHandler: true,
      awaitRpcMessageHandler: true,
      maxInboundDataLength: MAX_FRAME_BYTES,
      maxOutboundBufferSize: 4 * MAX_FRAME_BYTES,
      maxTopicBytesPerPeer: 64 * 1_024,
      decodeRpcLimits: {
        maxSubscriptions: 16,
        maxMessages: MAX_MESSAGES_PER_FRAME,
        maxIhaveMessageIDs: 5_000,
        maxIwantMessageIDs: 5_000,
        maxIdontwantMessageIDs: 512,
        maxControlMessages: 64,
        maxPeerInfos: 0,
      },
      ignoreDuplicatePublishError: true,
      allowPublishToZeroTopicPeers: false,
      scoreParams: scoreParamsOf(topic),
      scoreThresholds: SCORE_THRESHOLDS,
    }),
  },
})

/** The ear, with what no ear should have to care about: length, bans, and an error of its own. */
const judgeWith = (
  { ear, maxMessageBytes, onError = () => {} }: MeshOptions,
  bans: Bans,
  hangUp: (peer: string) => void,
): Ear | null => {
  if (ear === undefined) return null
  return async (message, from) => {
    if (bans.isBanned(from)) return 'ignore'
    let verdict: Verdict
    try {
      verdict = message.length > maxMessageBytes ? 'reject' : await ear(message, from)
    } catch (error) {
      // Our own failure is nobody's fault out there.
      onError(error)
      return 'ignore'
    }
    if (verdict === 'reject' && bans.rejected(from)) hangUp(from)
    return verdict
  }
}

const publish = async (pubsub: GossipSub, topic: string, message: Uint8Array): Promise<number> => {
  try {
    return (await pubsub.publish(topic, message)).recipients.length
  } catch (error) {
    if (error instanceof Error && error.message.includes('NoPeersSubscribedToTopic')) return 0
    throw new DecloudError('gossip-failed', 'The message could not be handed to any peer.', { cause: error })
  }
}
