import { isAddressEqual } from 'viem'
import { readNodeState } from '../../chain/node-state.ts'
import { AgentError } from '../../lib/errors.ts'
import { escrowCalls } from '../operator/call.ts'
import { atDesk, outcomeJson, outcomeText, SIGNING } from '../operator/desk.ts'
import { EXIT, makeVerb } from '../verb.ts'

export const entrust = makeVerb({
  brief: true,
  about: `Without it an outage is not given back by itself, and \`reclaim\` takes the payee's own key. The escrow knows a node's
payee from its first lease on: give this once, then. Signed by that payee, which is the node's operator until it hands the role
over; the agent never gets at what the node has earned.`,
  options: { ...SIGNING, back: { type: 'boolean', about: 'let the payee alone do that again' } },
  run: (io, { unsigned, back }) =>
    atDesk(io, unsigned, async ({ chain, operator, carryOut }, { node }) => {
      const { payee: holder, payoutOwner, reclaimer, offer } = await readNodeState(chain, node)
      const payee = payoutOwner ?? holder
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
      const { setOperator, setOperatorOfPayout } = escrowCalls(chain.deployment)
      const call = payoutOwner === null ? setOperator(node, to) : setOperatorOfPayout(node, to)
      const outcome = await carryOut([call])
      io.result(
        { node, operator: to, changed: outcome.signed, ...outcomeJson(outcome) },
        [`node ${node}: ${to} credits and reclaims`, ...outcomeText(outcome)].join('\n'),
      )
      return EXIT.done
    }),
})
