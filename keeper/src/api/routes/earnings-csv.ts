import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { DecloudError } from '@decloud/protocol'
import { addressParam, indexText, wordText } from '@decloud/protocol/wire/api/values'
import type { FastifyReply } from 'fastify'
import type { Address } from 'viem'
import { z } from 'zod'
import { EARNING_KINDS, EARNINGS_HEADER, earningsRow, secondsOf } from '../../domain/earnings-csv.ts'
import type { Market } from '../../ports/market.ts'
import type { ApiDeps, App } from '../deps.ts'
import { headOf } from '../views.ts'

const TAGS = ['earnings']
const PAGE = 200
const STREAM = { type: 'text/csv', description: 'Comma-separated values with a header line, RFC 4180' }
const querystring = z.object({
  /** Calendar days, UTC, both included. */
  from: z.iso.date().optional(),
  to: z.iso.date().optional(),
})
type Days = z.output<typeof querystring>

/** Newest first, a page at a time: whoever reads slowly holds a page and no more. */
async function* linesOf(market: Market, nodes: Iterable<number>, days: Days, head: number) {
  yield EARNINGS_HEADER
  const { from, until = head + 1 } = secondsOf(days)
  // What happens while it is read belongs to the next export.
  const span = { ...(from === undefined ? {} : { from }), until: Math.min(until, head + 1) }
  for (const node of nodes) {
    let cursor: string | null = null
    do {
      const page = market.flows({
        ...{ node, kinds: EARNING_KINDS, limit: PAGE, ...span },
        ...(cursor === null ? {} : { cursor }),
      })
      if (page.rows.length > 0) yield page.rows.map(earningsRow).join('')
      cursor = page.next
      // Reads are synchronous: others get their turn between two of them.
      await turn()
    } while (cursor !== null)
  }
}

function* nodesOf(market: Market, operator: Address) {
  let cursor: string | null = null
  do {
    const page = market.nodes({ operator, limit: PAGE, ...(cursor === null ? {} : { cursor }) })
    for (const { node } of page.rows) yield node
    cursor = page.next
  } while (cursor !== null)
}

const sendCsv = (reply: FastifyReply, name: string, lines: AsyncIterable<string>) =>
  reply
    .header('content-type', 'text/csv; charset=utf-8; header=present')
    .header('content-disposition', `attachment; filename="${name}"`)
    .header('cache-control', 'no-store')
    .send(Readable.from(lines))

export const earningsCsvRoute = (app: App, deps: ApiDeps) => {
  const { market } = deps
  app.get(
    '/api/nodes/:id/earnings.csv',
    {
      schema: {
        tags: TAGS,
        summary: 'What a node earned and what was taken out, a line a movement, newest first',
        params: z.object({ id: z.union([indexText, wordText]) }),
        querystring,
      },
      config: { problems: ['node-unknown'], costly: true, streams: STREAM },
    },
    ({ params, query }, reply) => {
      const head = headOf(deps).at
      const found = market.node(params.id)
      if (found === undefined) throw new DecloudError('node-unknown', `There is no node ${params.id}.`)
      const { node } = found
      return sendCsv(reply, `node-${node}-earnings.csv`, linesOf(market, [node], query, head))
    },
  )
  app.get(
    '/api/operators/:address/earnings.csv',
    {
      schema: {
        tags: TAGS,
        summary: 'The same of every node that the account operates now, node by node',
        params: z.object({ address: addressParam }),
        querystring,
      },
      config: { costly: true, streams: STREAM },
    },
    ({ params: { address }, query }, reply) => {
      const lines = linesOf(market, nodesOf(market, address), query, headOf(deps).at)
      return sendCsv(reply, `operator-${address.toLowerCase()}-earnings.csv`, lines)
    },
  )
}
