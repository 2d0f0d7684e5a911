import { type Address, type Hex, isAddressEqual, recoverAddress, size } from 'viem'

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
