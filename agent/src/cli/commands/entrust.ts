import { isAddressEqual } from 'viem'
import { readNodeState } from '../../chain/node-state.ts'
import { AgentError } from '../../lib/errors.ts'
import { escrowCalls } from '../operator/call.ts'
import { atDesk, outcomeJson, outcomeText, SIGNING } from '../operator/desk.ts'
import { EXIT, makeVerb } from '../verb.ts'

export const entrust = makeVerb({
  brief: true,
  about: `Signed by the node's payee, which is its operator until it hands the role over; the agent never gets at what the node
has earned.`,
  options: { ...SIGNING, back: { type: 'boolean', about: 'let the payee alone do that again' } },
  run: (io, { unsigned, back }) =>
    atDesk(io, unsigned, async ({ chain, operator, carryOut }, { node }) => {
      const { payee, reclaimer, offer } = await readNodeState(chain, node)
      if (payee === null) {
        throw new AgentError('node-new', `Node ${node} has had no lease yet: the escrow does not know it.`, {
          hint: 'Run this again after its first lease; until then there is nothing to credit or reclaim.',
        })
      }
      if (!isAddressEqual(payee, operator.address)) {
        throw new AgentError(
          'not-payee',
          `The payee of node ${node} is ${payee}; this key is ${operator.address}.`,
          {
            hint: 'The payee signs this.',
          },
        )
      }
      const to = back ? operator.address : offer.agent
      if (reclaimer !== null && isAddressEqual(reclaimer, to)) {
        io.result({ node, operator: to, changed: false }, `node ${node}: ${to} credits and reclaims already`)
        return EXIT.done
      }
      const outcome = await carryOut([escrowCalls(chain.deployment).setOperator(node, to)])
      io.result(
        { node, operator: to, changed: outcome.signed, ...outcomeJson(outcome) },
        [`node ${node}: ${to} credits and reclaims`, ...outcomeText(outcome)].join('\n'),
      )
      return EXIT.done
    }),
})
