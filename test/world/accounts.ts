// The accounts that every local chain of this kind prints at start, and that hold play money only.
import { pbkdf2Sync } from 'node:crypto'
import { type HDAccount, HDKey, hdKeyToAccount } from 'viem/accounts'

const MNEMONIC = 'test test test test test test test test test test test junk'

// BIP-39's seed by Node's own PBKDF2: viem's takes a tenth of a second in plain JavaScript, and tests ask for an account with
// every transaction.
const master = HDKey.fromMasterSeed(pbkdf2Sync(MNEMONIC, 'mnemonic', 2_048, 64, 'sha512'))
const accounts = new Map<number, HDAccount>()

/** Account `index` of the well-known mnemonic. */
export const accountOf = (index: number): HDAccount => {
  const account = accounts.get(index) ?? hdKeyToAccount(master, { addressIndex: index })
  accounts.set(index, account)
  return account
}
