import { formatUsdc, sentenceOf } from '@decloud/protocol'
import { leaseListSchema } from '@decloud/protocol/wire/node'
import type { z } from 'zod'
import { type Health, healthSchema } from '../../api/health.ts'
import { type NodeBooks, readBooks } from '../../chain/earnings.ts'
import { load } from '../../config/config.ts'
import { isDefault } from '../../domain/prices.ts'
import { askAgent } from '../local-api.ts'
import { connectTo } from '../operator/desk.ts'
import { withPast } from '../operator/past.ts'
import { coins, entrustText, moment, pricesText, span, usdc } from '../operator/words.ts'
import { EXIT, type Io, makeVerb, wholeNumber } from '../verb.ts'

type AgentLease = z.output<typeof leaseListSchema>['leases'][number]

type Said<value> =
  | { readonly ok: true; readonly value: value }
  | { readonly ok: false; readonly error: string }
type AgentFacts = { readonly health: Health; readonly leases: readonly AgentLease[] }

/** What the agent on this machine says of itself, and what the chain says of the node: each also without the other. */
export const status = makeVerb({
  brief: true,
  about: `The agent's health, and from the chain what the node offers, asks, holds and has earned, with the runway of each
lease; the latter also while the agent is down. Exit code 0 only when both answer and the agent is well.`,
  examples: ['decloud-node status', 'decloud-node status --json'],
  options: { port: { type: 'string', argument: 'N', about: "the agent's API port" } },
  run: async (io, options) => {
    // Said at once, and not as an agent that does not answer.
    if (options.port !== undefined) wholeNumber('port', options.port, 1, 65_535)
    const [agent, chain] = await Promise.all([settle(askNode(io, options.port)), settle(askChain(io))])
    io.result(
      {
        health: agent.ok ? agent.value.health : null,
        leases: agent.ok ? agent.value.leases : [],
        agentError: agent.ok ? null : agent.error,
        chain: chain.ok ? chainJson(chain.value) : null,
        chainError: chain.ok ? null : chain.error,
      },
      [
        ...(agent.ok ? agentLines(agent.value) : [`agent     ${agent.error}`]),
        ...(chain.ok ? chainLines(chain.value) : [`chain     ${chain.error}`]),
      ].join('\n'),
    )
    return agent.ok && chain.ok && agent.value.health.status === 'ok' ? EXIT.done : EXIT.failed
  },
})

const settle = async <value>(work: Promise<value>): Promise<Said<value>> => {
  try {
    return { ok: true, value: await work }
  } catch (error) {
    return { ok: false, error: sentenceOf(error) }
  }
}

const askNode = async (io: Io, port: string | undefined): Promise<AgentFacts> => {
  const health = healthSchema.parse(await askAgent(io, '/health', { port, accept: [503] }))
  return { health, ...leaseListSchema.parse(await askAgent(io, '/v1/leases', { port })) }
}

const askChain = async (io: Io): Promise<NodeBooks> => {
  const { config } = load(io.env, io.given, ['rpcUrls', 'deployment', 'node'])
  const chain = await connectTo(config)
  return withPast(io, chain, config.dataDir, (past) => readBooks(chain, config.node, 0, past))
}

const agentLines = ({ health, leases }: AgentFacts): string[] => [
  `agent     ${health.status}, chain ${health.chain.feed} at ${health.chain.head ?? '–'}, ${health.guests.running} guests running on ${health.hypervisor.acceleration}`,
  `          ${beatLine(health.beats)}`,
  ...leases.map(
    ({ leaseId, vm }) =>
      `          ${leaseId}  ${vm.status}  ${vm.phase}${vm.reason === null ? '' : `  ${vm.reason.message}`}`,
  ),
]

const beatLine = (beats: Health['beats']): string => {
  if (beats === null) return 'no keeper is configured: no beats are sent'
  if (beats.error !== null) return `no keeper hears this node: ${beats.error}`
  return beats.lastSlot === null ? 'no beat was sent yet' : `keepers hear this node by ${beats.via}`
}

const live = ({ leases }: NodeBooks) =>
  leases.filter(({ role, status }) => role === 'node' && (status === 'Active' || status === 'Assigned'))

const runway = (runsOutAt: number, now: number): number => Math.max(0, runsOutAt - now)

const chainJson = (books: NodeBooks) => {
  const { state, totals } = books
  const { offer, block } = state
  return {
    ...{ node: state.node, nodeId: state.nodeId, block: block.number, asOf: block.timestamp },
    ...{ active: offer.active, operator: offer.operator, agent: offer.agent, payee: state.payee },
    entrusted: state.entrusted,
    prices: isDefault(offer.prices) ? state.defaults : offer.prices,
    ...{ ownPrices: state.hasCustomPricing, capacity: offer.capacity, inUse: state.inUse },
    ...{ gas: state.gas, earnings: totals, balanced: books.difference === 0n },
    leases: live(books).map((lease) => ({
      ...{ leaseId: lease.leaseId, tenant: lease.tenant, status: lease.status },
      ...{ pricePerHour: lease.pricePerHour, startedAt: lease.startedAt, runsOutAt: lease.runsOutAt },
      runwaySeconds: lease.status === 'Active' ? runway(lease.runsOutAt, block.timestamp) : null,
    })),
  }
}

const chainLines = (books: NodeBooks): string[] => {
  const { state, totals } = books
  const { offer, inUse, gas, block } = state
  const entrust = entrustText(state.entrusted)
  const used = (name: keyof typeof inUse, unit: string) => `${inUse[name]} of ${offer.capacity[name]} ${unit}`
  return [
    `chain     node ${state.node} ${offer.active ? 'takes new leases' : 'is drained: it takes no new leases'}, block ${block.number}, ${moment(block.timestamp)}`,
    `prices    ${pricesText(isDefault(offer.prices) ? state.defaults : offer.prices)}${state.hasCustomPricing ? '' : ' (defaults)'}`,
    `in use    ${used('pointUnits', 'point-units')}, ${used('memoryMiB', 'MiB')}, ${used('diskGiB', 'GiB')}, ${used('gpus', 'GPUs')}`,
    `gas       agent ${coins(gas.agent)}, operator ${coins(gas.operator)} coins`,
    `earned    ${usdc(totals.earned)}, ${formatUsdc(totals.withdrawable + totals.settleable)} can be withdrawn, ${formatUsdc(totals.withdrawn)} were`,
    ...(books.difference === 0n ? [] : ['          the RPC left logs out: these figures are not whole']),
    ...(entrust === null ? [] : [`entrust   ${entrust}`]),
    ...live(books).map(({ leaseId, status, pricePerHour, runsOutAt }) =>
      status === 'Active'
        ? `lease     ${leaseId}  ${formatUsdc(pricePerHour)} USDC/h, paid for ${span(runway(runsOutAt, block.timestamp))} more`
        : `lease     ${leaseId}  not active yet`,
    ),
  ]
}
