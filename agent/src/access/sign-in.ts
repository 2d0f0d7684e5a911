// Signing in to this node: the shared sessions, for wallets that have business here.
import { type Chain, recovers } from '@decloud/chain'
import { nodeResource } from '@decloud/protocol/node-sign-in'
import { makeSessionStore, makeSessions, makeSignatureCheck, type Sessions } from '@decloud/service/sign-in'
import type { Database } from 'better-sqlite3'
import { type Address, type Hex, hashMessage } from 'viem'
import { AgentError } from '../lib/errors.ts'
import type { Business } from './business.ts'
import type { Names } from './names.ts'

export type SignInOptions = {
  chain: Chain
  db: Database
  node: number
  business: Business
  names: Names
  nowMs: () => number
}

export const makeSignIn = ({ chain, db, node, business, names, nowMs }: SignInOptions): Sessions => {
  const askWallet = makeSignatureCheck(chain)
  const hasSigned = async (address: Address, message: string, signature: Hex): Promise<boolean> => {
    if (await recovers(address, hashMessage(message), signature)) return true
    // Only a contract can have signed: it is asked, if it is one that could have any business here.
    return (await business.mayHave(address)) && (await askWallet(address, message, signature))
  }
  const sessions = makeSessions({
    store: makeSessionStore(db),
    verify: async (address, message, signature) => {
      if (!(await hasSigned(address, message, signature))) return false
      if (await business.has(address)) return true
      throw strange(address)
    },
    chainId: chain.deployment.chainId,
    resource: nodeResource(chain.deployment, node),
    ...{ uri: names.uri, domains: names.pages, now: nowMs },
  })
  return sessions
}

export const strange = (address: Address) =>
  new AgentError('wallet-unknown', `${address} has no business on this node.`, {
    hint: 'Sign in as its operator, as the tenant of a lease that runs here, or as a collaborator of one.',
  })
