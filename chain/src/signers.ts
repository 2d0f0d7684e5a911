// Who signed a digest: an account with a key, or a contract that signs (ERC-1271), asked with bounded gas.
import {
  type Address,
  encodeFunctionData,
  type Hex,
  isAddressEqual,
  parseAbi,
  recoverAddress,
  size,
} from 'viem'
import type { Chain } from './connect.ts'
import { revertDataOf } from './journal/refusals.ts'

const WALLET = parseAbi(['function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)'])
/** `isValidSignature` answers with its own selector, in a word. */
const ACCEPTED = '0x1626ba7e'
/** A wallet of many owners takes some 60,000; one that takes more is not heard. */
const WALLET_GAS = 150_000n

/** How RPCs word that a call ran out of the gas it was given. */
export const OUT_OF_GAS = /out of gas|gas required exceeds|exceeds allowance|OutOfGas/i

/** @returns whether `signature` is what a plain key of `signer` makes over `hash`: 65 bytes, and no other form. */
export const recovers = async (signer: Address, hash: Hex, signature: Hex): Promise<boolean> => {
  if (size(signature) !== 65) return false
  try {
    return isAddressEqual(await recoverAddress({ hash, signature }), signer)
  } catch {
    // No point of the curve: nobody signed this.
    return false
  }
}

/** @returns whether the contract at `account` takes the signature; `false` where there is none. */
export const askWallet = (chain: Chain, account: Address, digest: Hex, signature: Hex): Promise<boolean> =>
  chain.request('ask a wallet about a signature', async (client) => {
    const data = encodeFunctionData({
      abi: WALLET,
      functionName: 'isValidSignature',
      args: [digest, signature],
    })
    try {
      const { data: answer } = await client.call({ to: account, data, gas: WALLET_GAS })
      return answer !== undefined && answer.length >= 66 && answer.startsWith(ACCEPTED)
    } catch (error) {
      if (revertDataOf(error) !== undefined || OUT_OF_GAS.test(String(error))) return false
      throw error
    }
  })
