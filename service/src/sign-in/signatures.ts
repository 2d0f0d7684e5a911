import type { Chain } from '@decloud/chain'
import { type Address, type Hex, isAddressEqual, recoverMessageAddress, size } from 'viem'

/** Of an account with a key: r, s and v. */
const ECDSA_BYTES = 65

/**
 * @returns whether an address signed a message. An account with a key is answered for here; only a contract wallet
 *   (ERC-1271, or ERC-6492 before it exists) costs a call to the chain.
 */
export const makeSignatureCheck =
  (chain: Chain) =>
  async (address: Address, message: string, signature: Hex): Promise<boolean> => {
    if (size(signature) === ECDSA_BYTES && (await recovers(address, message, signature))) return true
    return chain.request('ask a contract wallet about its signature', (client) =>
      client.verifyMessage({ address, message, signature }),
    )
  }

const recovers = async (address: Address, message: string, signature: Hex): Promise<boolean> => {
  try {
    return isAddressEqual(await recoverMessageAddress({ message, signature }), address)
  } catch {
    // 65 bytes that are no point on the curve: perhaps a contract makes sense of them.
    return false
  }
}
