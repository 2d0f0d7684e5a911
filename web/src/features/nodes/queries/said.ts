// What a node says of its own machine, by way of a keeper that keeps it. The keeper is not believed: the signature is
// checked here, against the agent that the chain names.

import { type ApiNodeFacts, nodeFactsViewSchema } from '@decloud/protocol/wire/api/nodes'
import { verifyFacts } from '@decloud/protocol/wire/facts'
import type { Address } from 'viem'
import { makeKeeperClient } from '../../../data/keeper/client.ts'

type Scope = { chainId: number; nodeRegistry: Address }

/** `forged`: somebody else signed it. `silent`: the keeper knows of nothing, or does not answer. */
export type Said =
  | { kind: 'said'; facts: NonNullable<ApiNodeFacts['facts']>; attributes: ApiNodeFacts['attributes'] }
  | { kind: 'forged' | 'silent'; attributes: ApiNodeFacts['attributes'] }

export const saidByNode = async (
  keeperUrl: string,
  node: number,
  scope: Scope,
  agent: Address,
): Promise<Said> => {
  const answer: unknown = await makeKeeperClient(keeperUrl)
    .GET('/api/marketplace/nodes/{id}', { params: { path: { id: String(node) } } })
    .then(({ data }) => data)
    // Unreachable, late or not JSON: nothing of the page but this part needs a keeper.
    .catch(() => undefined)
  const parsed = nodeFactsViewSchema.safeParse(answer)
  if (!parsed.success) return { kind: 'silent', attributes: [] }
  const { facts, attributes } = parsed.data
  if (facts === null) return { kind: 'silent', attributes }
  const isOwn =
    facts.signed.facts.node === node &&
    (await verifyFacts(scope, facts.signed, agent).then(
      () => true,
      () => false,
    ))
  return isOwn ? { kind: 'said', facts, attributes } : { kind: 'forged', attributes }
}
