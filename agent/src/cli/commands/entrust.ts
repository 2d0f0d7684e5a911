import { leaseEscrowAbi, nodeRegistryAbi } from '@decloud/protocol'
import { encodeFunctionData, isAddressEqual, zeroAddress } from 'viem'
import { loadNodeConfig } from '../../config/config.ts'
import { AgentError } from '../../lib/errors.ts'
import { connectTo, operatorKey, sendOnce } from '../operator.ts'
import { EXIT, makeVerb } from '../verb.ts'

/**
 * Lets this node's agent credit downtime and reclaim leases in the operator's place, or takes that back. Signed by the
 * node's payee, which is its operator until it hands the role over; the agent never gets at what the node has earned.
 */
export const entrust = makeVerb({
  options: { back: { type: 'boolean', about: 'let the payee alone do that again' } },
  run: async (io, options) => {
    const { rpcUrls, deployment, node } = loadNodeConfig(io.env, io.given)
    const account = await operatorKey(io.env)
    const chain = await connectTo({ rpcUrls, deployment })
    const escrow = { address: deployment.leaseEscrow, abi: leaseEscrowAbi } as const
    const [payee, agent] = await chain.request('read who is who', (client) =>
      Promise.all([
        client.readContract({ ...escrow, functionName: 'payeeOf', args: [node] }),
        client.readContract({
          ...{
            address: deployment.nodeRegistry,
            abi: nodeRegistryAbi,
            functionName: 'agentOf',
            args: [node],
          },
        }),
      ]),
    )
    if (isAddressEqual(payee, zeroAddress)) {
      throw new AgentError('node-new', `Node ${node} has had no lease yet: the escrow does not know it.`, {
        hint: 'Run this again after its first lease; until then there is nothing to credit or reclaim.',
      })
    }
    if (!isAddressEqual(payee, account.address)) {
      throw new AgentError(
        'not-payee',
        `The payee of node ${node} is ${payee}; this key is ${account.address}.`,
        {
          hint: 'The payee signs this.',
        },
      )
    }
    const to = options.back ? account.address : agent
    io.say(`${to} may credit and reclaim from now on …`)
    const transaction = await sendOnce(chain, account, {
      kind: 'setOperator',
      dedupe: 'setOperator',
      to: deployment.leaseEscrow,
      data: encodeFunctionData({ abi: leaseEscrowAbi, functionName: 'setOperator', args: [node, to] }),
    })
    io.result({ node, operator: to, transaction }, `node ${node}: ${to} credits and reclaims`)
    return EXIT.done
  },
})
