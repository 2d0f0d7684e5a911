import { readNodeState } from '../../chain/node-state.ts'
import { registryCalls } from '../operator/call.ts'
import { atDesk, outcomeJson, outcomeText, SIGNING } from '../operator/desk.ts'
import { CAPACITY, capacityOf, capacityText, measuredIn } from '../operator/machine.ts'
import { EXIT, makeVerb } from '../verb.ts'

export const capacitySet = makeVerb({
  brief: true,
  about: `Offers what \`discover\` and \`benchmark\` measured last, or less of it, as \`register\` did. For new leases alone: those that
run keep what they have, also where that is more than is offered now.`,
  examples: ['decloud-node capacity set', 'decloud-node capacity set --memory 65536 --disk 400'],
  options: { ...SIGNING, ...CAPACITY },
  run: (io, options) =>
    atDesk(io, options.unsigned, async ({ chain, carryOut }, config) => {
      const { node, dataDir } = config
      const { offer } = await readNodeState(chain, node)
      const capacity = capacityOf(options, measuredIn(dataDir, null, Date.now()), config)
      const said = capacityText(capacity)
      if (capacityText(offer.capacity) === said) {
        io.result({ node, changed: false, capacity }, `node ${node} offers that already: ${said}`)
        return EXIT.done
      }
      const outcome = await carryOut([registryCalls(chain.deployment).setCapacity(node, capacity)])
      io.result(
        { node, changed: outcome.signed, capacity, ...outcomeJson(outcome) },
        [`node ${node} offers ${said}; for new leases alone`, ...outcomeText(outcome)].join('\n'),
      )
      return EXIT.done
    }),
})
