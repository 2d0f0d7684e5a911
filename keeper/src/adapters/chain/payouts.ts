import { type Chain, type RpcClient, revertOf } from '@decloud/chain'
import { leaseEscrowAbi, payoutsAbi } from '@decloud/protocol'
import { type Address, encodeFunctionData } from 'viem'
import type { EnrolledNode, PayoutsChain } from '../../ports/payouts.ts'

type Look = { enrolled: EnrolledNode; isRefused: boolean } | null

export const makePayoutsChain = (chain: Chain, payouts: Address): PayoutsChain => {
  const escrow = { address: chain.deployment.leaseEscrow, abi: leaseEscrowAbi } as const
  const contract = { address: payouts, abi: payoutsAbi } as const

  /** Whether the escrow would refuse to pay: the contract itself would skip the node, and charge for it. */
  const isRefused = async (
    client: RpcClient,
    [node, to, amount]: readonly [number, Address, bigint],
  ): Promise<boolean> => {
    const data = encodeFunctionData({
      abi: leaseEscrowAbi,
      functionName: 'withdrawEarned',
      args: [node, to, amount],
    })
    try {
      await client.call({ account: payouts, to: escrow.address, data })
      return false
    } catch (error) {
      const kind = 'a payout'
      if (revertOf({ kind, dedupe: kind, to: escrow.address, data }, error) !== undefined) return true
      throw error
    }
  }
  const lookAt = async (client: RpcClient, blockNumber: bigint, node: number): Promise<Look> => {
    const args = [node] as const
    const [isEnrolled, payout, earned] = await Promise.all([
      client.readContract({ ...contract, functionName: 'isEnrolled', args, blockNumber }),
      client.readContract({ ...contract, functionName: 'payoutOf', args, blockNumber }),
      client.readContract({ ...escrow, functionName: 'earnedOf', args, blockNumber }),
    ])
    if (!isEnrolled) return null
    const refused = earned > 0n && (await isRefused(client, [node, payout.recipient, earned]))
    return { enrolled: { node, earned, pushedAt: payout.pushedAt }, isRefused: refused }
  }
  return {
    look: (nodes) =>
      chain.request('read the payouts', async (client) => {
        const { number, timestamp } = await client.getBlock()
        const looks = await Promise.all(nodes.map((node) => lookAt(client, number, node)))
        const seen = looks.filter((look) => look !== null)
        return {
          at: Number(timestamp),
          payable: seen.filter((look) => !look.isRefused).map((look) => look.enrolled),
          refused: seen.filter((look) => look.isRefused).map((look) => look.enrolled.node),
        }
      }),
  }
}
