import { askWallet, type Chain, recovers } from '@decloud/chain'
import type { DigestCheck } from '../../ports/mailbox.ts'

/** Plain keys are answered for here; only what is none of theirs costs a question to the chain. */
export const makeDigestCheck =
  (chain: Chain): DigestCheck =>
  async (account, digest, signature) =>
    (await recovers(account, digest, signature)) || askWallet(chain, account, digest, signature)
