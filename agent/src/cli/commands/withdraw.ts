import { leaseEscrowAbi } from '@decloud/protocol'
import { type Address, getAddress, isAddress, isAddressEqual } from 'viem'
import { type NodeBooks, readBooks } from '../../chain/earnings.ts'
import { AgentError } from '../../lib/errors.ts'
import { type Call, escrowCalls } from '../operator/call.ts'
import { atDesk, type Desk, outcomeJson, outcomeText, SIGNING } from '../operator/desk.ts'
import { withPast } from '../operator/past.ts'
import { confirm } from '../operator/prompt.ts'
import { usdc } from '../operator/words.ts'
import { EXIT, makeVerb, UsageError, usdcAmount } from '../verb.ts'

/** Leases settled in one transaction: well under the gas of a block. */
const AT_ONCE = 50

export const withdraw = makeVerb({
  brief: true,
  about: `Settles what has vested, then takes out all that the node has earned and the operator's internal balance of the
escrow. Signed by the node's payee, who is its operator until he hands that over.`,
  examples: [
    'decloud-node withdraw --dry-run',
    'decloud-node withdraw --to 0x… --yes',
    'decloud-node withdraw --amount 25 --settled --unsigned --operator-address 0x…',
  ],
  options: {
    ...SIGNING,
    to: { type: 'string', argument: 'ADDRESS', about: 'where it goes; to who signs' },
    amount: { type: 'string', argument: 'USDC', about: 'so much of what was earned, and nothing else' },
    settled: { type: 'boolean', about: 'only what is settled already' },
    'dry-run': {
      type: 'boolean',
      about: 'say what would be taken out; needs the address of the operator alone',
    },
    yes: { type: 'boolean', about: 'do not ask' },
  },
  run: (io, options) =>
    atDesk(io, options.unsigned || options['dry-run'], async (desk, { node, dataDir }) => {
      const { operator, chain } = desk
      const to = recipientFrom(options.to, operator.address)
      const books = await withPast(io, chain, dataDir, (past) => readBooks(chain, node, 0, past))
      demandPayee(books, operator.address)
      const plan = await planOf(desk, books, {
        ...{ to, settle: !options.settled },
        asked: options.amount === undefined ? null : usdcAmount('amount', options.amount),
      })
      const { calls, earned, balance } = plan
      const facts = { node, to, earned, balance, settles: plan.settles }
      if (calls.length === 0) {
        io.result({ ...facts, transactions: [] }, 'There is nothing to take out.')
        return EXIT.done
      }
      const lines = [
        `${usdc(earned)} that node ${node} has earned${plan.settles === 0 ? '' : `, ${plan.settles} leases settled first`}`,
        ...(balance === 0n ? [] : [`${usdc(balance)} of internal balance`]),
        `to ${to}`,
      ]
      if (options['dry-run']) {
        io.result({ ...facts, dryRun: true }, lines.join('\n'))
        return EXIT.done
      }
      if (!desk.unsigned) await confirm(io, lines, options.yes)
      const outcome = await desk.carryOut(calls)
      io.result({ ...facts, ...outcomeJson(outcome) }, [...lines, ...outcomeText(outcome)].join('\n'))
      return EXIT.done
    }),
})

type Plan = {
  readonly calls: readonly Call[]
  readonly earned: bigint
  readonly balance: bigint
  readonly settles: number
}

const planOf = async (
  { chain, operator }: Desk,
  { state, leases, totals }: NodeBooks,
  { to, settle, asked }: { to: Address; settle: boolean; asked: bigint | null },
): Promise<Plan> => {
  const calls = escrowCalls(chain.deployment)
  const due = settle ? leases.filter(({ settleable }) => settleable > 0n) : []
  const most = state.withdrawable + due.reduce((sum, { settleable }) => sum + settleable, 0n)
  if (asked !== null && asked > most) {
    throw new AgentError(
      'amount-too-high',
      `${usdc(asked)} is more than the ${usdc(most)} that can be taken out now.`,
      {
        hint: 'What is earned vests in the course of the lease: see `decloud-node earnings`.',
        details: { withdrawable: String(totals.withdrawable), most: String(most) },
      },
    )
  }
  const earned = asked ?? most
  const settling = earned > state.withdrawable ? due : []
  const balance = asked === null ? await balanceOf(chain, operator.address) : 0n
  const chunks = Math.ceil(settling.length / AT_ONCE)
  return {
    ...{ earned, balance, settles: settling.length },
    calls: [
      ...Array.from({ length: chunks }, (_, nth) =>
        calls.settle(settling.slice(nth * AT_ONCE, (nth + 1) * AT_ONCE).map(({ leaseId }) => leaseId)),
      ),
      ...(earned === 0n ? [] : [takeOut(chain, state, to, earned)]),
      ...(balance === 0n ? [] : [calls.withdraw(to, balance)]),
    ],
  }
}

type DeskChain = Desk['chain']

const takeOut = (
  { deployment }: DeskChain,
  { node, payoutOwner }: NodeBooks['state'],
  to: Address,
  amount: bigint,
): Call => {
  const calls = escrowCalls(deployment)
  return payoutOwner === null
    ? calls.withdrawEarned(node, to, amount)
    : calls.withdrawPayout(node, to, amount)
}

const balanceOf = (chain: DeskChain, account: Address): Promise<bigint> =>
  chain.request('read the internal balance', (client) =>
    client.readContract({
      ...{ address: chain.deployment.leaseEscrow, abi: leaseEscrowAbi },
      ...{ functionName: 'balanceOf', args: [account] },
    }),
  )

const recipientFrom = (text: string | undefined, signer: Address): Address => {
  if (text === undefined) return signer
  if (isAddress(text)) return getAddress(text)
  throw new UsageError(
    `--to takes an address, not "${text}".`,
    'An address is 0x and 40 hex digits; mixed case is a checksum.',
  )
}

/** @throws AgentError `not-payee`: said before a transaction is wasted on it. */
const demandPayee = ({ state: { node, payee, payoutOwner } }: NodeBooks, signer: Address) => {
  const owner = payoutOwner ?? payee
  // Before its first lease a node has earned nothing, and there may still be an internal balance.
  if (owner === null || isAddressEqual(owner, signer)) return
  throw new AgentError('not-payee', `The payee of node ${node} is ${owner}; this key is ${signer}.`, {
    hint: 'The payee signs this.',
  })
}
