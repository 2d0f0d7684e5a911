// Who may give orders for a lease: asked of the chain, at its newest block.
import { askWallet, type Chain, recovers } from '@decloud/chain'
import { LEASE_STATUSES, leaseAccessAbi, leaseEscrowAbi } from '@decloud/protocol'
import { type Address, type Hex, isAddressEqual } from 'viem'

/** Of `ILeaseAccess.Level`. The tenant's own level is this one too. */
const MANAGER = 3

/** Every method but `ownsKey` rejects with a ChainError when the chain cannot be asked. */
export interface Authority {
  /** Whether a plain key of `signer` signed; costs no question. */
  ownsKey(signer: Address, digest: Hex, signature: Hex): Promise<boolean>
  /** Whether the contract at `signer` takes the signature (ERC-1271). */
  isWalletOf(signer: Address, digest: Hex, signature: Hex): Promise<boolean>
  /** Whether `signer` is the tenant or a Manager of the living lease. */
  mayOrder(leaseId: Hex, signer: Address): Promise<boolean>
}

export const makeAuthority = (chain: Chain): Authority => {
  const { leaseAccess, leaseEscrow } = chain.deployment
  return {
    ownsKey: recovers,
    isWalletOf: (signer, digest, signature) => askWallet(chain, signer, digest, signature),
    mayOrder: (leaseId, signer) =>
      chain.request('read who may give orders', async (client) => {
        if (leaseAccess !== undefined) {
          const level = await client.readContract({
            ...{ address: leaseAccess, abi: leaseAccessAbi },
            ...{ functionName: 'levelOf', args: [leaseId, signer] },
          })
          return level === MANAGER
        }
        // A deployment without collaborators: there the tenant is alone.
        const { tenant, status } = await client.readContract({
          ...{ address: leaseEscrow, abi: leaseEscrowAbi },
          ...{ functionName: 'leaseOf', args: [leaseId] },
        })
        const lives = !['None', 'Ended', undefined].includes(LEASE_STATUSES[status])
        return lives && isAddressEqual(tenant, signer)
      }),
  }
}
