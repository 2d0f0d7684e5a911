// What the registry says about this node, checked against what this machine holds, before anything runs.
import type { Chain } from '@decloud/chain'
import { nodeRegistryAbi } from '@decloud/protocol'
import { type Address, type Hex, isAddressEqual, zeroAddress } from 'viem'
import { AgentError } from '../lib/errors.ts'
import { x25519PublicKey } from '../lib/x25519.ts'

export type SealingKeys = ReadonlyMap<number, Hex>

/**
 * @throws AgentError `node-unregistered`, `agent-key-wrong`, `sealing-key-missing`, `sealing-key-wrong`;
 *   ChainError when the chain cannot be read.
 */
export const checkNode = async (
  chain: Chain,
  node: number,
  agent: Address,
  sealingKeys: SealingKeys,
): Promise<void> => {
  const { agentKey, sealingKey, epoch } = await readNode(chain, node)
  if (isAddressEqual(agentKey, zeroAddress)) {
    throw new AgentError('node-unregistered', `Node ${node} is not registered on this chain.`, {
      hint: 'Register it with `decloud-node register`, or correct DECLOUD_NODE.',
    })
  }
  if (!isAddressEqual(agentKey, agent)) {
    throw new AgentError(
      'agent-key-wrong',
      `Node ${node} is registered with the agent key ${agentKey}, this agent signs as ${agent}.`,
      { hint: 'Give it the right keystore, or let the operator set this agent key in the registry.' },
    )
  }
  const held = sealingKeys.get(epoch)
  if (held === undefined) {
    throw new AgentError(
      'sealing-key-missing',
      `Tenants seal manifests to epoch ${epoch} of this node's sealing key; this agent holds ${describe(sealingKeys)}.`,
      { hint: `Add the private half of epoch ${epoch} to the sealing key file.` },
    )
  }
  if (x25519PublicKey(held).toLowerCase() !== sealingKey.toLowerCase()) {
    throw new AgentError(
      'sealing-key-wrong',
      `The private sealing key of epoch ${epoch} does not belong to the public one in the registry.`,
      { hint: 'Restore the right key file, or let the operator set a new sealing key.' },
    )
  }
}

const describe = (keys: SealingKeys) => (keys.size === 0 ? 'none' : `epoch ${[...keys.keys()].join(', ')}`)

/** The epoch to which tenants seal now. @throws ChainError. */
export const sealingEpochOf = async (chain: Chain, node: number): Promise<number> =>
  (await readNode(chain, node)).epoch

const readNode = (chain: Chain, node: number) =>
  chain.request('read the registry', async (client) => {
    const contract = { address: chain.deployment.nodeRegistry, abi: nodeRegistryAbi } as const
    const agentKey = await client.readContract({ ...contract, functionName: 'agentOf', args: [node] })
    if (isAddressEqual(agentKey, zeroAddress)) return { agentKey, sealingKey: '0x' as Hex, epoch: 0 }
    const [sealingKey, epoch] = await client.readContract({
      ...contract,
      functionName: 'sealingKeyOf',
      args: [node],
    })
    return { agentKey, sealingKey, epoch }
  })
