// What nodes say of their machines, as their agents signed it. A keeper checks who said it and keeps the newest; it
// vouches for nothing in it.
import { DecloudError, type Deployment } from '@decloud/protocol'
import { FACTS_EARLY_SECONDS, type SignedFacts, verifyFacts } from '@decloud/protocol/wire/facts'
import { isAddressEqual } from 'viem'
import type { FactsStore, HeldFacts } from '../ports/facts.ts'
import type { Ledger } from '../ports/ledger.ts'

export type NodeFactsDesk = {
  /** @throws DecloudError `node-unknown`, `facts-…`. */
  post(node: number, signed: SignedFacts): Promise<'accepted' | 'known'>
  /** Null when nothing was heard, or only from an agent that the node has no more. */
  of(node: number): HeldFacts | null
}

export type NodeFactsDeps = {
  deployment: Deployment
  ledger: Pick<Ledger, 'node'>
  store: FactsStore
  nowMs?: () => number
}

export const makeNodeFacts = ({
  deployment,
  ledger,
  store,
  nowMs = Date.now,
}: NodeFactsDeps): NodeFactsDesk => {
  const { chainId, nodeRegistry } = deployment
  const of: NodeFactsDesk['of'] = (node) => {
    const held = store.find(node)
    const agent = ledger.node(node)?.agent
    return held !== undefined && agent !== undefined && isAddressEqual(held.agent, agent) ? held : null
  }
  return {
    of,
    post: async (node, signed) => {
      const { facts } = signed
      if (facts.node !== node) {
        throw new DecloudError(
          'facts-other-node',
          `The facts are those of node ${facts.node}, not of node ${node}.`,
        )
      }
      const now = Math.floor(nowMs() / 1_000)
      if (facts.signedAt > now + FACTS_EARLY_SECONDS) {
        throw new DecloudError(
          'facts-early',
          `The facts were signed at ${facts.signedAt}, the time here is ${now}.`,
          {
            hint: 'Check that the clocks of node and keeper are set by NTP.',
          },
        )
      }
      const agent = ledger.node(node)?.agent
      if (agent === undefined) {
        throw new DecloudError('node-unknown', `There is no node ${node}.`, {
          hint: 'This keeper may see it with its next block.',
        })
      }
      await verifyFacts({ chainId, nodeRegistry }, signed, agent)
      // Looked at after the wait: what was posted meanwhile counts too.
      const held = of(node)
      if (held !== null && held.signed.facts.signedAt >= facts.signedAt) {
        if (held.signed.signature === signed.signature) return 'known'
        throw new DecloudError(
          'facts-superseded',
          'Facts that were signed later, or at the same time, are here already.',
          {
            hint: 'Sign anew.',
          },
        )
      }
      store.put({ signed, agent, heardAt: now })
      return 'accepted'
    },
  }
}
