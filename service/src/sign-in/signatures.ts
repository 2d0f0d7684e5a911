import { askWalletToBe, type Chain, recovers } from '@decloud/chain'
import { type Address, type Hex, hashMessage } from 'viem'

/**
 * @returns whether an address signed a message. An account with a key is answered for here; only a contract wallet
 *   (ERC-1271, or ERC-6492 before it exists) costs a call to the chain, with bounded gas. Rejects when no RPC answers.
 */
export const makeSignatureCheck =
  (chain: Chain) =>
  async (address: Address, message: string, signature: Hex): Promise<boolean> => {
    const digest = hashMessage(message)
    return (await recovers(address, digest, signature)) || askWalletToBe(chain, address, digest, signature)
  }
