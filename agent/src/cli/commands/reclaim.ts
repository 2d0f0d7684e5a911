// Wanting rid of a lease. Whoever the escrow lets reclaim does it: the operator's own key where it is given here, else the
// agent of this machine, which is left word in its data folder and sees it through.
import { LEASE_STATUSES, leaseEscrowAbi, nodeRegistryAbi } from '@decloud/protocol'
import { type Address, type Hex, isAddressEqual, isHex } from 'viem'
import { reclaimData, startReclaimData } from '../../chain/duty-chain.ts'
import { loadNodeConfig } from '../../config/config.ts'
import { reclaimStep } from '../../domain/duties.ts'
import { AgentError } from '../../lib/errors.ts'
import { MAX_REASON_BYTES, makeReclaimAsks } from '../../state/reclaim-asks.ts'
import { connectTo, operatorKeyIn, sendOnce } from '../operator.ts'
import { type Io, makeVerb, UsageError } from '../verb.ts'

type Chain = Awaited<ReturnType<typeof connectTo>>
type Wanted = { leaseId: Hex; reason: string }

export const reclaim = makeVerb({
  words: 'LEASE',
  options: {
    reason: { type: 'string', argument: 'TEXT', about: 'told to the tenant, at most 32 bytes' },
    withdraw: { type: 'boolean', about: 'tell the agent of this machine that it may stay after all' },
  },
  run: async (io, options) => {
    const leaseId = leaseIdFrom(io.words)
    const config = loadNodeConfig(io.env, io.given)
    if (options.withdraw) return withdraw(leaseId, config.dataDir, io)
    const wanted = { leaseId, reason: reasonFrom(options.reason) }
    const chain = await connectTo(config)
    const facts = await factsOf(chain, leaseId, config.node)
    const account = await operatorKeyIn(io.env)
    if (account !== null && isAddressEqual(account.address, facts.operator)) {
      return bySelf(chain, account, wanted, facts, io)
    }
    if (isAddressEqual(facts.agent, facts.operator)) {
      makeReclaimAsks(config.dataDir).put(wanted)
      const text = 'asked: the agent of this machine gives notice, and reclaims when it is over'
      io.result({ leaseId, step: 'asked', reclaimAt: facts.reclaimAt }, text)
      return 0
    }
    throw new AgentError(
      'not-operator',
      `Only ${facts.operator} may reclaim leases of node ${config.node}.`,
      {
        hint: 'Give its key (DECLOUD_OPERATOR_KEYSTORE), or let the agent do it: `decloud-node entrust`.',
      },
    )
  },
})

const bySelf = async (
  chain: Chain,
  account: NonNullable<Awaited<ReturnType<typeof operatorKeyIn>>>,
  { leaseId, reason }: Wanted,
  { reclaimAt, now }: Facts,
  io: Io,
): Promise<number> => {
  const step = reclaimStep({ status: 'Active', reclaimAt }, now)
  if (step === 'wait') {
    const until = new Date(reclaimAt * 1_000).toISOString()
    io.result(
      { leaseId, step, reclaimAt },
      `notice was given: run this again from ${until} on, within seven days`,
    )
    return 0
  }
  const data = step === 'reclaim' ? reclaimData(leaseId) : startReclaimData(leaseId, reason)
  const kind = step === 'reclaim' ? 'reclaim' : 'startReclaim'
  const to = chain.deployment.leaseEscrow
  const transaction = await sendOnce(chain, account, { kind, dedupe: kind, to, data })
  const text = step === 'reclaim' ? 'the lease has ended' : 'notice is given: run this again when it is over'
  io.result({ leaseId, step, transaction }, text)
  return 0
}

const withdraw = (leaseId: Hex, dataDir: string, io: Io): number => {
  const withdrawn = makeReclaimAsks(dataDir).remove(leaseId)
  const text = withdrawn
    ? 'the agent no longer wants it back; a notice that was given lapses by itself'
    : 'the agent was not asked to reclaim it'
  io.result({ leaseId, withdrawn }, text)
  return withdrawn ? 0 : 1
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
  if (isHex(leaseId) && leaseId.length === 66 && more.length === 0) return leaseId
  throw new UsageError('Give the id of the lease: 0x and 64 hex digits.')
}

const reasonFrom = (text: string | undefined): string => {
  const bytes = new TextEncoder().encode(text ?? '').length
  if (text !== undefined && bytes >= 1 && bytes <= MAX_REASON_BYTES) return text
  throw new UsageError(`Give the tenant a --reason of at most ${MAX_REASON_BYTES} bytes.`)
}
