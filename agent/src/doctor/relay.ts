// The relay that this node has chosen on chain, as far as it can be looked at from here.
import { lookup } from 'node:dns/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type Chain, openStoredLogs } from '@decloud/chain'
import { nodeRegistryAbi, sentenceOf } from '@decloud/protocol'
import { readProfile } from '../chain/profile.ts'
import { type Finding, fail, ok, unknown, warn } from './finding.ts'
import type { Subject } from './subject.ts'

const CONNECT_MS = 5_000
const NOT_CHECKED =
  "not looked at: WireGuard's own handshake (UDP 51820), which only a tunnel that is up can show"
const CHOOSE = 'Choose another relay on chain, or let its operator look at it.'

export const checkRelay = async (subject: Subject): Promise<Finding[]> => {
  const check = 'relay'
  const { node } = subject.config()
  const chain = await subject.chain()
  const { offer, behindNat } = await read(chain, node)
  if (offer.relay === 0) {
    return behindNat
      ? [
          warn(
            check,
            'relay-none',
            'the node says that it has no public address, and has chosen no relay',
            'Choose one on chain: nobody reaches its guests from outside.',
          ),
        ]
      : [ok(check, 'not needed: the node has a public address')]
  }
  const relay = await read(chain, offer.relay)
  if (!relay.offer.active) {
    const what = `relay ${offer.relay} is no longer active in the registry`
    return [fail(check, 'relay-inactive', what, CHOOSE)]
  }
  const endpoint = await endpointOf(subject, chain, offer.relay)
  if (!endpoint)
    return [
      unknown(
        check,
        'relay-silent',
        `relay ${offer.relay} is active, and says nowhere how it is reached`,
        CHOOSE,
      ),
    ]
  return [await reach(offer.relay, endpoint, subject.signal)]
}

const read = (chain: Chain, node: number) =>
  chain.request('read the relay', async (client) => {
    const contract = { address: chain.deployment.nodeRegistry, abi: nodeRegistryAbi } as const
    const [offer, [, behindNat]] = await Promise.all([
      client.readContract({ ...contract, functionName: 'offer', args: [node] }),
      client.readContract({ ...contract, functionName: 'networkOf', args: [node] }),
    ])
    return { offer, behindNat }
  })

/** The newest one announced; only the log has it. Empty for none. */
const endpointOf = async (subject: Subject, chain: Chain, node: number): Promise<string> => {
  const head = await chain.request('read the head', (client) => client.getBlockNumber({ cacheTime: 0 }))
  const stored = await openStoredLogs(chain, join(subject.config().dataDir, 'agent.db'))
  try {
    return (await readProfile(chain, node, head, { stored })).endpoint
  } finally {
    stored?.close()
  }
}

const reach = async (relay: number, endpoint: string, signal: AbortSignal): Promise<Finding> => {
  const check = 'relay'
  const url = URL.parse(endpoint)
  if (url === null)
    return fail(
      check,
      'relay-unreachable',
      `relay ${relay} announces "${endpoint}", which is no address`,
      CHOOSE,
    )
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  try {
    const { address } = await lookup(host)
    await knock(address, port, signal)
  } catch (error) {
    const what = `relay ${relay} does not answer at ${url.host}: ${sentenceOf(error)}`
    return fail(check, 'relay-unreachable', what, `Look whether this machine reaches others. ${CHOOSE}`)
  }
  return ok(check, `relay ${relay} is active, ${url.host} answers; ${NOT_CHECKED}`)
}

/** @throws when nobody takes the connection. */
const knock = (host: string, port: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal, timeout: CONNECT_MS })
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('timeout', () => socket.destroy(new Error(`no answer within ${CONNECT_MS / 1_000} s`)))
    socket.once('error', reject)
  })
