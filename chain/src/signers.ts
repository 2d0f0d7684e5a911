// Who signed a digest: an account with a key, or a contract that signs (ERC-1271), asked with bounded gas.
import {
  type Address,
  encodeDeployData,
  encodeFunctionData,
  erc6492SignatureValidatorAbi,
  erc6492SignatureValidatorByteCode,
  type Hex,
  isAddressEqual,
  isErc6492Signature,
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
/** One that does not exist yet is made first, and thrown away again; the usual ones take some 300,000 to make. */
const UNBORN_GAS = 1_000_000n

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

/** @returns what a stranger's code answers; `null` where it refuses, or takes more gas than it is given. */
const ask = (chain: Chain, call: { to?: Address; data: Hex; gas: bigint }): Promise<Hex | null> =>
  chain.request('ask a wallet about a signature', async (client) => {
    try {
      return (await client.call(call)).data ?? '0x'
    } catch (error) {
      if (revertDataOf(error) !== undefined || OUT_OF_GAS.test(String(error))) return null
      throw error
    }
  })

/** @returns whether the contract at `account` takes the signature; `false` where there is none. */
export const askWallet = async (
  chain: Chain,
  account: Address,
  digest: Hex,
  signature: Hex,
): Promise<boolean> => {
  const args = [digest, signature] as const
  const data = encodeFunctionData({ abi: WALLET, functionName: 'isValidSignature', args })
  const answer = await ask(chain, { to: account, data, gas: WALLET_GAS })
  return answer !== null && answer.length >= 66 && answer.startsWith(ACCEPTED)
}

/**
 * The same of a wallet that may not exist yet: a signature of ERC-6492 names the call that makes it. For signing in alone;
 * contracts on chain ask a wallet that is there.
 */
export const askWalletToBe = async (
  chain: Chain,
  account: Address,
  digest: Hex,
  signature: Hex,
): Promise<boolean> => {
  if (!isErc6492Signature(signature)) return askWallet(chain, account, digest, signature)
  const data = encodeDeployData({
    abi: erc6492SignatureValidatorAbi,
    bytecode: erc6492SignatureValidatorByteCode,
    args: [account, digest, signature],
  })
  const answer = await ask(chain, { data, gas: UNBORN_GAS })
  return answer !== null && size(answer) > 0 && BigInt(answer) === 1n
}
