// Wanting rid of a lease. Whoever the escrow lets reclaim does it: the operator's own key where it is given here, else the
// agent of this machine, which is left word in its data folder and sees it through.

import type { Chain } from '@decloud/chain'
import { LEASE_STATUSES, leaseEscrowAbi, nodeRegistryAbi } from '@decloud/protocol'
import { type Address, type Hex, isAddressEqual } from 'viem'
import { reclaimData, startReclaimData } from '../../chain/duty-chain.ts'
import { loadConfig } from '../../config/config.ts'
import { reclaimStep } from '../../domain/duties.ts'
import { AgentError } from '../../lib/errors.ts'
import { MAX_REASON_BYTES, makeReclaimAsks } from '../../state/reclaim-asks.ts'
import { atDesk, connectTo, outcomeJson, outcomeText, SIGNING } from '../operator/desk.ts'
import { operatorIn } from '../operator/key.ts'
import { EXIT, type Io, makeVerb, UsageError } from '../verb.ts'

type Wanted = { leaseId: Hex; reason: string }

export const reclaim = makeVerb({
  brief: true,
  words: 'LEASE',
  about: `Given once it gives notice; given again when the notice is over it ends the lease. An agent that was entrusted with it
does both by itself.`,
  examples: ['decloud-node reclaim 0x… --reason "the house is sold"', 'decloud-node reclaim 0x… --withdraw'],
  options: {
    ...SIGNING,
    reason: { type: 'string', argument: 'TEXT', about: 'told to the tenant, at most 32 bytes' },
    withdraw: { type: 'boolean', about: 'tell the agent of this machine that it may stay after all' },
  },
  run: async (io, options) => {
    const leaseId = leaseIdFrom(io.words)
    const config = loadConfig(io.env, io.given)
    if (options.withdraw) return withdraw(leaseId, config.dataDir, io)
    const wanted = { leaseId, reason: reasonFrom(options.reason) }
    const facts = await factsOf(await connectTo(config), leaseId, config.node)
    if (isAddressEqual(facts.agent, facts.operator)) {
      makeReclaimAsks(config.dataDir).put(wanted)
      const text = 'asked: the agent of this machine gives notice, and reclaims when it is over'
      io.result({ leaseId, step: 'asked', reclaimAt: facts.reclaimAt }, text)
      return EXIT.done
    }
    const operator = await operatorIn(io, 'address')
    if (operator === null || !isAddressEqual(operator.address, facts.operator)) {
      throw new AgentError(
        'not-operator',
        `Only ${facts.operator} may reclaim leases of node ${config.node}.`,
        {
          hint: 'Give its key (DECLOUD_OPERATOR_KEYSTORE), or let the agent do it: `decloud-node entrust`.',
        },
      )
    }
    return bySelf(io, options.unsigned, wanted, facts)
  },
})

const bySelf = (
  io: Io,
  unsigned: boolean,
  { leaseId, reason }: Wanted,
  { reclaimAt, now }: Facts,
): Promise<number> => {
  const step = reclaimStep({ status: 'Active', reclaimAt }, now)
  if (step === 'wait') {
    const until = new Date(reclaimAt * 1_000).toISOString()
    const text = `notice was given: run this again from ${until} on, within seven days`
    io.result({ leaseId, step, reclaimAt }, text)
    return Promise.resolve(EXIT.done)
  }
  return atDesk(io, unsigned, async ({ chain, carryOut }) => {
    const ends = step === 'reclaim'
    const outcome = await carryOut([
      {
        kind: ends ? 'reclaim' : 'startReclaim',
        to: chain.deployment.leaseEscrow,
        data: ends ? reclaimData(leaseId) : startReclaimData(leaseId, reason),
        does: ends ? 'end the lease' : 'give notice to its tenant',
      },
    ])
    const text = ends ? 'the lease has ended' : 'notice is given: run this again when it is over'
    io.result({ leaseId, step, ...outcomeJson(outcome) }, [text, ...outcomeText(outcome)].join('\n'))
    return EXIT.done
  })
}

const withdraw = (leaseId: Hex, dataDir: string, io: Io): number => {
  const withdrawn = makeReclaimAsks(dataDir).remove(leaseId)
  const text = withdrawn
    ? 'the agent no longer wants it back; a notice that was given lapses by itself'
    : 'the agent was not asked to reclaim it'
  io.result({ leaseId, withdrawn }, text)
  return withdrawn ? EXIT.done : EXIT.failed
}

type Facts = { operator: Address; agent: Address; reclaimAt: number; now: number }

/** @throws AgentError `lease-elsewhere`, `lease-not-active`. */
const factsOf = async (chain: Chain, leaseId: Hex, node: number): Promise<Facts> => {
  const { leaseEscrow, nodeRegistry } = chain.deployment
  const escrow = { address: leaseEscrow, abi: leaseEscrowAbi } as const
  const [lease, operator, reclaimAt, agent, block] = await chain.request('read the lease', (client) =>
    Promise.all([
      client.readContract({ ...escrow, functionName: 'leaseOf', args: [leaseId] }),
      client.readContract({ ...escrow, functionName: 'operatorOf', args: [node] }),
      client.readContract({ ...escrow, functionName: 'reclaimableFrom', args: [leaseId] }),
      client.readContract({
        ...{ address: nodeRegistry, abi: nodeRegistryAbi, functionName: 'agentOf', args: [node] },
      }),
      client.getBlock(),
    ]),
  )
  if (lease.node !== node) {
    throw new AgentError('lease-elsewhere', `The lease ${leaseId} is not one of node ${node}.`)
  }
  const status = LEASE_STATUSES[lease.status] ?? 'None'
  if (status !== 'Active') {
    throw new AgentError('lease-not-active', `The lease is ${status}: only an active one can be reclaimed.`)
  }
  return { operator, agent, reclaimAt: Number(reclaimAt), now: Number(block.timestamp) }
}

const leaseIdFrom = ([text, ...more]: readonly string[]): Hex => {
  const leaseId = text?.toLowerCase()
  // The pattern is that of the type.
  if (leaseId !== undefined && more.length === 0 && /^0x[0-9a-f]{64}$/.test(leaseId)) return leaseId as Hex
  throw new UsageError('Give the id of the lease: 0x and 64 hex digits.')
}

const reasonFrom = (text: string | undefined): string => {
  const bytes = new TextEncoder().encode(text ?? '').length
  if (text !== undefined && bytes >= 1 && bytes <= MAX_REASON_BYTES) return text
  throw new UsageError(`Give the tenant a --reason of at most ${MAX_REASON_BYTES} bytes.`)
}
