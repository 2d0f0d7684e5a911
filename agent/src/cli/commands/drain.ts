// Whether the node takes new leases. Those that run are not touched by either.
import type { Chain, Past } from '@decloud/chain'
import { readBooks } from '../../chain/earnings.ts'
import { readNodeState } from '../../chain/node-state.ts'
import { registryCalls } from '../operator/call.ts'
import { atDesk, outcomeJson, outcomeText, SIGNING } from '../operator/desk.ts'
import { withPast } from '../operator/past.ts'
import { moment } from '../operator/words.ts'
import { EXIT, type Io, makeVerb } from '../verb.ts'

const setActive = (io: Io, unsigned: boolean, active: boolean): Promise<number> =>
  atDesk(io, unsigned, async ({ chain, carryOut }, { node, dataDir }) => {
    const { offer } = await readNodeState(chain, node)
    const there = offer.active === active
    const outcome = there ? null : await carryOut([registryCalls(chain.deployment).setActive(node, active)])
    const guests = active ? null : await withPast(io, chain, dataDir, (past) => guestsOf(chain, node, past))
    const now = active ? 'takes new leases' : 'takes no new leases'
    io.result(
      {
        ...{ node, active: outcome?.signed === false ? offer.active : active },
        ...{ changed: outcome?.signed === true },
        ...(guests === null ? {} : { leases: guests.live, lastEndsAt: guests.lastEndsAt }),
        ...(outcome === null ? {} : outcomeJson(outcome)),
      },
      [
        `node ${node} ${outcome?.signed === false ? `would be one that ${now}` : `${there ? 'already ' : ''}${now}`}`,
        ...(guests === null ? [] : [guests.sentence]),
        ...(outcome === null ? [] : outcomeText(outcome)),
      ].join('\n'),
    )
    return EXIT.done
  })

const guestsOf = async (chain: Chain, node: number, past: Past) => {
  const { leases } = await readBooks(chain, node, 0, past)
  const live = leases.filter(({ role, status }) => role === 'node' && status !== 'Ended')
  const ends = live.map(({ runsOutAt }) => runsOutAt)
  const lastEndsAt = Math.max(0, ...ends)
  const open = ends.filter((at) => at === 0).length
  const sentence =
    live.length === 0
      ? 'no lease is left on it: it can be turned off'
      : `${live.length} ${live.length === 1 ? 'lease stays' : 'leases stay'}${
          lastEndsAt === 0 ? '' : `; paid until ${moment(lastEndsAt)} at the latest, unless tenants top up`
        }${open === 0 ? '' : `; ${open} not active yet`}. To end one sooner: \`decloud-node reclaim\`.`
  return { live: live.length, lastEndsAt: lastEndsAt === 0 ? null : lastEndsAt, sentence }
}

export const drain = makeVerb({
  brief: true,
  about: 'Guests stay, are billed and served to their end; it says when the last one is paid up to.',
  examples: ['decloud-node drain', 'decloud-node drain --unsigned --operator-address 0x…'],
  options: SIGNING,
  run: (io, { unsigned }) => setActive(io, unsigned, false),
})

export const resume = makeVerb({
  brief: true,
  options: SIGNING,
  run: (io, { unsigned }) => setActive(io, unsigned, true),
})
