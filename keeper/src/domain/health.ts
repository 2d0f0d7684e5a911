// Facts about this process → whether it should be asked, and whether it should be left alone. Pure.
import type { HealthReason, KeeperHealth, KeeperLiveness } from '@decloud/protocol/wire/health'

type FeedFacts = {
  state: 'syncing' | 'live' | 'stale' | 'disagreeing'
  lagBlocks: bigint | null
  silentMs: number | null
  lastError: string | null
  disagreement: string | null
}

export type Facts = {
  feed: FeedFacts
  draining: boolean
  /** Why the local database took no write; `null` when it did. */
  unwritable: string | null
  /** Wei; `null`: no key, `'unknown'`: no RPC told it. */
  gas: bigint | 'unknown' | null
  diskFreeBytes: bigint | null
  /** Of the last comparison with contract storage. */
  auditDifferences: number | null
  stuck: readonly { name: string; forMs: number }[]
}

export type Limits = { minGasWei: bigint; minDiskBytes: bigint }

type Status = KeeperHealth['status']
type Finding = HealthReason & { makes?: Status }

/** @returns the gravest status, and every reason, the gravest first. */
export const assess = (facts: Facts, limits: Limits): { status: Status; reasons: HealthReason[] } => {
  const findings = [...grave(facts), ...warnings(facts, limits)]
  const status = findings.find(({ makes }) => makes !== undefined)?.makes ?? 'ok'
  return { status, reasons: findings.map(({ code, sentence }) => ({ code, sentence })) }
}

const grave = ({ draining, unwritable, feed, auditDifferences }: Facts): Finding[] => {
  const found: Finding[] = []
  if (draining)
    found.push({ code: 'draining', makes: 'draining', sentence: 'It is being stopped: ask another keeper.' })
  if (unwritable !== null) {
    const sentence = `The local database takes no write (${unwritable}): check free space and permissions.`
    found.push({ code: 'store-unwritable', makes: 'unwritable', sentence })
  }
  if (feed.state === 'disagreeing') {
    const what = feed.disagreement ?? 'The RPCs disagree about a finalized block.'
    found.push({
      code: 'feed-disagreeing',
      makes: 'disagreeing',
      sentence: `${what} Find out which one is wrong.`,
    })
  }
  if (auditDifferences !== null && auditDifferences > 0) {
    const sentence = `${auditDifferences} entries differ from contract storage even after a resync: see the log.`
    found.push({ code: 'audit-different', makes: 'different', sentence })
  }
  if (feed.state === 'stale') {
    const why = feed.lastError ?? 'its head is too old or went backwards'
    const silent = feed.silentMs === null ? '' : ` for ${Math.round(feed.silentMs / 1_000)} s`
    found.push({ code: 'feed-stale', makes: 'stale', sentence: `No fresh block${silent}: ${why}` })
  }
  if (feed.state === 'syncing') {
    const lag = feed.lagBlocks === null ? 'no block is read yet' : `${feed.lagBlocks} blocks behind`
    const why = feed.lastError === null ? '' : ` ${feed.lastError}`
    found.push({ code: 'feed-syncing', makes: 'syncing', sentence: `Reading the chain: ${lag}.${why}` })
  }
  return found
}

const warnings = ({ stuck, gas, diskFreeBytes }: Facts, limits: Limits): Finding[] => {
  const found: Finding[] = []
  for (const { name, forMs } of stuck) {
    const sentence = `A round of ${name} has been under way for ${Math.round(forMs / 1_000)} s: start the keeper anew.`
    found.push({ code: 'loop-stuck', sentence })
  }
  if (gas === 'unknown') {
    found.push({ code: 'gas-unknown', sentence: 'No RPC told the balance of the key.' })
  } else if (gas !== null && gas < limits.minGasWei) {
    const sentence = `The key holds ${gas} wei, less than ${limits.minGasWei}: send it gas coins.`
    found.push({ code: 'gas-low', sentence })
  }
  if (diskFreeBytes !== null && diskFreeBytes < limits.minDiskBytes) {
    const sentence = `${diskFreeBytes} bytes are free in the data folder, less than ${limits.minDiskBytes}: make room.`
    found.push({ code: 'disk-low', sentence })
  }
  return found
}

// A loop held up for so long answers nobody: the probe that asks would have given up long before.
const MOST_LAG_MS = 10_000

export const liveness = (facts: {
  uptimeSeconds: number
  eventLoopLagMs: number
  stuck: Facts['stuck']
}): KeeperLiveness => ({
  alive: facts.stuck.length === 0 && facts.eventLoopLagMs < MOST_LAG_MS,
  uptimeSeconds: facts.uptimeSeconds,
  eventLoopLagMs: facts.eventLoopLagMs,
  stuck: facts.stuck.map(({ name, forMs }) => ({ name, forSeconds: Math.round(forMs / 1_000) })),
})
