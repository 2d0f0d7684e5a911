// The level of an account at a lease, and whose node this is: asked of the chain, remembered for seconds. What the chain
// does not answer is unknown, and unknown is refused.
import type { Chain, FeedHealth } from '@decloud/chain'
import { LEASE_STATUSES, leaseAccessAbi, leaseEscrowAbi, nodeRegistryAbi } from '@decloud/protocol'
import { type Address, type Hex, isAddressEqual } from 'viem'
import { type Level, levelFrom } from '../domain/access.ts'
import { AgentError } from '../lib/errors.ts'

/** How long an answer stands; one that refused is asked for again sooner, because a grant is waited for. */
const STANDS_MS = 10_000
const REFUSED_STANDS_MS = 2_000
/** Answers remembered; the oldest gives way. */
const MOST = 4_096

export type LevelsOptions = {
  chain: Chain
  node: number
  /** Of the feed: an RPC that has stopped would go on to grant what was revoked long ago. */
  health(): Pick<FeedHealth, 'state' | 'head'>
  nowMs: () => number
}

export interface Levels {
  /**
   * Of the lease on this node, at the newest block or one not older than ten seconds; null for none.
   * @throws AgentError `access-unknown` when the chain does not say.
   */
  of(leaseId: Hex, account: Address): Promise<Level | null>
  /** Whether it is the operator of this node. @throws AgentError `access-unknown`. */
  isOperator(account: Address): Promise<boolean>
  /** Asked anew next time: something about the lease has changed. */
  forget(leaseId: Hex): void
}

export const makeLevels = ({ chain, node, health, nowMs }: LevelsOptions): Levels => {
  const levels = makeMemory<Level | null>(nowMs)
  const operators = makeMemory<Address>(nowMs)

  const sure = async <answer>(ask: () => Promise<answer>): Promise<answer> => {
    const { state, head } = health()
    if (head === null || state === 'stale' || state === 'disagreeing') throw unknown(`the feed is ${state}`)
    try {
      return await ask()
    } catch (cause) {
      throw unknown('no RPC answers', cause)
    }
  }

  return {
    of: (leaseId, account) =>
      sure(() =>
        levels.get(`${leaseId}:${account.toLowerCase()}`, {
          ask: () => readLevel(chain, node, leaseId, account),
          standsMs: (level) => (level === null ? REFUSED_STANDS_MS : STANDS_MS),
        }),
      ),
    isOperator: async (account) => {
      const operator = await sure(() =>
        operators.get('', { ask: () => readOperator(chain, node), standsMs: () => STANDS_MS }),
      )
      return isAddressEqual(operator, account)
    },
    forget: (leaseId) => levels.forget(`${leaseId}:`),
  }
}

const unknown = (why: string, cause?: unknown) =>
  new AgentError('access-unknown', `Who may do this stands on chain, which cannot be read now: ${why}.`, {
    hint: 'Nobody is let in until it can; the machine runs on. Try again in a minute.',
    ...(cause === undefined ? {} : { cause }),
  })

const readLevel = (chain: Chain, node: number, leaseId: Hex, account: Address) =>
  chain.request('read the level of an account', async (client) => {
    const { leaseAccess, leaseEscrow } = chain.deployment
    const [lease, granted] = await Promise.all([
      client.readContract({
        ...{ address: leaseEscrow, abi: leaseEscrowAbi },
        ...{ functionName: 'leaseOf', args: [leaseId] },
      }),
      // A deployment without collaborators: there the tenant is alone.
      leaseAccess === undefined
        ? 0
        : client.readContract({
            ...{ address: leaseAccess, abi: leaseAccessAbi },
            ...{ functionName: 'levelOf', args: [leaseId, account] },
          }),
    ])
    const status = LEASE_STATUSES[lease.status] ?? 'None'
    const lives = status !== 'None' && status !== 'Ended'
    const isTenant = status !== 'None' && isAddressEqual(lease.tenant, account)
    return levelFrom({ leaseNode: lease.node, lives, isTenant, granted }, node)
  })

const readOperator = (chain: Chain, node: number) =>
  chain.request('read the operator of this node', async (client) => {
    const { operator } = await client.readContract({
      ...{ address: chain.deployment.nodeRegistry, abi: nodeRegistryAbi },
      ...{ functionName: 'offer', args: [node] },
    })
    return operator
  })

type Question<answer> = { ask: () => Promise<answer>; standsMs: (answer: answer) => number }

/** One question of a kind at a time; an answer stands for a while, counted from when it was asked. */
const makeMemory = <answer>(nowMs: () => number) => {
  type Entry = { answer: answer; untilMs: number }
  const known = new Map<string, Entry>()
  const asked = new Map<string, Promise<answer>>()
  const settle = async (key: string, { ask, standsMs }: Question<answer>) => {
    const atMs = nowMs()
    const question = ask()
    asked.set(key, question)
    try {
      const answer = await question
      // Whatever was forgotten meanwhile is not remembered from before.
      if (asked.get(key) === question) {
        known.delete(key)
        known.set(key, { answer, untilMs: atMs + standsMs(answer) })
        if (known.size > MOST) known.delete(known.keys().next().value!)
      }
      return answer
    } finally {
      if (asked.get(key) === question) asked.delete(key)
    }
  }
  return {
    get: async (key: string, question: Question<answer>): Promise<answer> => {
      const entry = known.get(key)
      if (entry !== undefined && nowMs() < entry.untilMs) return entry.answer
      return asked.get(key) ?? settle(key, question)
    },
    forget: (prefix: string) => {
      for (const map of [known, asked])
        for (const key of map.keys()) if (key.startsWith(prefix)) map.delete(key)
    },
  }
}
