// What the parts of @decloud/chain are watched by, in keeper and agent alike.
import type { Follower, Journal, RpcCall } from '@decloud/chain'
import { DecloudError } from '@decloud/protocol'
import type { Metrics } from './metrics.ts'

const STATES = ['syncing', 'live', 'stale', 'disagreeing'] as const

export const watchFeed = (metrics: Metrics, follower: Pick<Follower, 'health' | 'onChange'>) => {
  const height = (name: string, help: string, read: () => bigint | null | undefined) =>
    metrics.watch(name, help, () => {
      const value = read()
      return value === null || value === undefined ? null : Number(value)
    })
  height('feed_head_height', 'The newest block an RPC named.', () => follower.health().head?.height)
  height('feed_cursor_height', 'The newest block that is indexed.', () => follower.health().cursor?.height)
  height('feed_finalized_height', 'The newest finalized block.', () => follower.health().finalized)
  height('feed_lag_blocks', 'Blocks between the head and what is indexed.', () => {
    const { head, cursor } = follower.health()
    return lagOf(head?.height, cursor?.height)
  })
  metrics.watch('feed_silent_seconds', 'Time since an RPC last answered the feed.', () => {
    const { silentMs } = follower.health()
    return silentMs === null ? null : silentMs / 1_000
  })
  metrics.watchEach('feed_state', '1 for the state the feed is in.', ['state'], () => {
    const now = follower.health().state
    return STATES.map((state) => ({ labels: { state }, value: state === now ? 1 : 0 }))
  })
  const applied = metrics.counter('feed_events_applied_total', 'Events that were indexed.')
  const reverted = metrics.counter('feed_events_reverted_total', 'Events that a reorganisation took back.')
  const reorgs = metrics.counter('feed_reorgs_total', 'Times that indexed blocks were replaced.')
  return follower.onChange((change) => {
    if (change.kind === 'applied') applied.add(change.events.length)
    if (change.kind === 'reverted') {
      reorgs.add()
      reverted.add(change.events.length)
    }
  })
}

/** @returns what `connect` tells each JSON-RPC call to. */
export const watchRpc = (metrics: Metrics) => {
  const calls = metrics.counter('rpc_calls_total', 'JSON-RPC calls.', ['host', 'method', 'outcome'])
  const seconds = metrics.histogram('rpc_call_seconds', 'Time of a JSON-RPC call.', { labels: ['host'] })
  return ({ host, method, outcome, ms }: RpcCall) => {
    calls.add({ host, method, outcome })
    seconds.observe({ host }, ms / 1_000)
  }
}

/** The same journal, counted. Wei are shown as coins: a double holds those well enough to draw. */
export const watchJournal = (metrics: Metrics, journal: Journal): Journal => {
  const ended = metrics.counter('journal_intents_total', 'Intents that ended, by outcome.', [
    'kind',
    'outcome',
  ])
  const replaced = metrics.counter(
    'journal_replacements_total',
    'Transactions replaced by one with higher fees.',
  )
  const coins = metrics.counter('journal_gas_coins_total', 'Gas coins spent on fees.', ['kind'])
  const gas = metrics.counter('journal_gas_used_total', 'Gas used.', ['kind'])
  metrics.watchEach('journal_in_flight', 'Intents that are not final yet, by state.', ['state'], () => {
    const counts = { pending: 0, mined: 0 }
    for (const { state } of journal.inFlight()) if (state in counts) counts[state as keyof typeof counts] += 1
    return Object.entries(counts).map(([state, value]) => ({ labels: { state }, value }))
  })
  return {
    ...journal,
    send: async (intent, options) => {
      const { kind } = intent
      try {
        const mined = await journal.send(intent, options)
        ended.add({ kind, outcome: 'mined' })
        if (mined.replaced > 0) replaced.add(mined.replaced)
        gas.add({ kind }, Number(mined.gasUsed))
        coins.add({ kind }, Number(mined.gasUsed * mined.effectiveGasPrice) / 1e18)
        return mined
      } catch (error) {
        ended.add({ kind, outcome: error instanceof DecloudError ? error.code : 'unknown' })
        throw error
      }
    },
  }
}

/** Blocks between the head and what is indexed; null before any head is known. */
export const lagOf = (head: bigint | undefined, indexed: bigint | undefined): bigint | null => {
  if (head === undefined) return null
  if (indexed === undefined) return head
  return head > indexed ? head - indexed : 0n
}
