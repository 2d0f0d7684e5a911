// What a node says of itself that is in no storage: the newest word of each kind in the registry's logs.
import { type Chain, lastLogs, type Past } from '@decloud/chain'
import { makeLogDecoder } from '@decloud/protocol'
import { type Hex, numberToHex } from 'viem'
import { wordText } from './node-state.ts'

export type Profile = {
  readonly description: string
  readonly tags: readonly string[]
  readonly endpoint: string
}

/** @param head the last block that counts. */
export const readProfile = async (
  chain: Chain,
  node: number,
  head: bigint,
  past: Past = {},
): Promise<Profile> => {
  const decode = makeLogDecoder(chain.deployment)
  const question = {
    what: "read the node's profile",
    addresses: [chain.deployment.nodeRegistry],
    topics: [null, [numberToHex(node, { size: 32 })]],
    head,
  }
  const seen = new Set<string>()
  const logs = await lastLogs(
    chain,
    question,
    (log) => {
      const name = decode(log)?.name
      if (name !== undefined) seen.add(name)
      // Nothing was said of a node before it was registered.
      return seen.has('NodeRegistered') || (seen.has('EndpointChanged') && seen.has('ProfileChanged'))
    },
    past,
  )
  let profile: Profile = { description: '', tags: [], endpoint: '' }
  for (const log of logs) {
    const event = decode(log)
    if (event?.name === 'NodeRegistered') profile = { ...profile, endpoint: event.args.registration.endpoint }
    if (event?.name === 'EndpointChanged') profile = { ...profile, endpoint: event.args.endpoint }
    if (event?.name === 'ProfileChanged') {
      const { description, tags } = event.args
      profile = { ...profile, description, tags: tags.map((tag: Hex) => wordText(tag)) }
    }
  }
  return profile
}
