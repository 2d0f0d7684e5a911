// Each RPC by itself, then all against one another, and the contracts they should hold.
import { ChainError, hostOf, makeChain } from '@decloud/chain'
import { DecloudError, type Deployment, sentenceOf } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import { z } from 'zod'
import { type Finding, fault, ok } from './finding.ts'
import { DEADLINE_MS, type Sight, see } from './rpc-sight.ts'

const MOST_LAG_BLOCKS = 20n
/** A head older than this is stale; development chains mine when they are told to. */
const MOST_HEAD_AGE_MS = 120_000
const DEVELOPMENT_CHAIN = 31_337

export const headAgeLimit = ({ chainId }: Pick<Deployment, 'chainId'>): number =>
  chainId === DEVELOPMENT_CHAIN ? Number.POSITIVE_INFINITY : MOST_HEAD_AGE_MS

export type RpcView = {
  findings: Finding[]
  /** Of those that serve the chain of the deployment. */
  sights: readonly Sight[]
}

/** @param maxHeadAgeMs of the newest block, on the clock of whoever serves it. */
export const lookAtRpcs = async (
  { rpcUrls, deployment }: { rpcUrls: readonly string[]; deployment: Deployment },
  { maxHeadAgeMs = headAgeLimit(deployment) } = {},
): Promise<RpcView> => {
  const results = await Promise.allSettled(rpcUrls.map(see))
  const seen = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const down = results.flatMap((result, i) =>
    result.status === 'rejected' ? [unreachable(hostOf(rpcUrls[i]!), result.reason)] : [],
  )
  const right = seen.filter(({ chainId }) => chainId === deployment.chainId)
  const wrong = seen
    .filter(({ chainId }) => chainId !== deployment.chainId)
    .map(({ host, chainId }) =>
      fault(
        `RPC ${host}`,
        'chain-id-wrong',
        `it serves chain ${chainId}, the deployment is on ${deployment.chainId}`,
        'Give the RPC of the right chain, or the deployment file of that one.',
      ),
    )
  if (right.length === 0) return { findings: [...down, ...wrong], sights: [] }
  const best = -lowest(right.map(({ head }) => -head))
  const each = right.map((sight) => judge(sight, best, maxHeadAgeMs))
  const reachable = right.map(({ url }) => url)
  const together = [...(await agreement(right, deployment)), ...(await contracts(reachable, deployment))]
  return { findings: [...down, ...wrong, ...each, ...together], sights: right }
}

const unreachable = (host: string, error: unknown) => {
  // A failed fetch hides its reason one level down.
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : ''
  const why = error instanceof z.ZodError ? 'it does not speak JSON-RPC' : `${sentenceOf(error)}${cause}`
  return fault(`RPC ${host}`, 'rpc-unreachable', why, 'Check its URL and key, that it runs, and the network.')
}

const judge = (sight: Sight, best: bigint, maxHeadAgeMs: number): Finding => {
  const { host, head, ms } = sight
  const check = `RPC ${host}`
  if (best - head > MOST_LAG_BLOCKS) {
    return fault(
      check,
      'rpc-lagging',
      `its head is ${best - head} blocks behind another's`,
      'Use another one, or wait.',
    )
  }
  const ageMs = headAgeOf(sight)
  if (ageMs > maxHeadAgeMs) {
    const what = `its newest block is ${Math.round(ageMs / 1_000)} s old`
    return fault(
      check,
      'rpc-stale',
      what,
      'Use another one, or wait: nothing is mined, or nothing reaches it.',
    )
  }
  return ok(check, `block ${head} in ${ms} ms`)
}

/** By the clock of whoever serves it, where that is known: ours may be off. */
export const headAgeOf = ({ headTimeMs, seenMs, skewMs }: Sight): number =>
  seenMs + (skewMs ?? 0) - headTimeMs

// The heads of RPCs are few; 0 for none.
const lowest = (heights: readonly bigint[]): bigint => heights.toSorted((a, b) => (a < b ? -1 : 1))[0] ?? 0n

/** Their blocks at a height that is final for all. */
const agreement = async (sights: readonly Sight[], deployment: Deployment): Promise<Finding[]> => {
  if (sights.length < 2) return []
  const check = 'agreement'
  const height = lowest(sights.map(({ finalized }) => finalized))
  const hashes = await Promise.all(
    sights.map(async ({ host, url }) => ({ host, hash: await hashAt(url, height, deployment) })),
  )
  const known = hashes.filter(({ hash }) => hash !== null)
  const odd = known.find(({ hash }) => hash !== known[0]!.hash)
  if (odd === undefined) return [ok(check, `${known.length} RPCs have the same block ${height}`)]
  const what = `${known[0]!.host} and ${odd.host} have different finalized blocks ${height}`
  return [fault(check, 'rpc-disagree', what, 'Ask a third one, and keep those that are right.')]
}

const hashAt = async (url: string, blockNumber: bigint, deployment: Deployment): Promise<Hex | null> => {
  const chain = makeChain({ urls: [url], deployment, timeoutMs: DEADLINE_MS, retries: 1 })
  try {
    const block = await chain.request('read a block', (client) => client.getBlock({ blockNumber }))
    return block.hash ?? null
  } catch (error) {
    // It answered a moment ago: what it does not tell now is compared by nobody.
    if (error instanceof ChainError) return null
    throw error
  }
}

const contracts = async (urls: readonly string[], deployment: Deployment): Promise<Finding[]> => {
  const { chainId: _, fromBlock: __, ...addresses } = deployment
  const chain = makeChain({ urls, deployment, timeoutMs: DEADLINE_MS, retries: 1 })
  try {
    const codes = await chain.request('read the contract code', (client) =>
      Promise.all(
        Object.entries(addresses)
          .filter((one): one is [string, Address] => one[1] !== undefined)
          .map(async ([name, address]) => ({ name, address, code: await client.getCode({ address }) })),
      ),
    )
    const missing = codes.filter(({ code }) => code === undefined || code === '0x')
    if (missing.length === 0) return [ok('contracts', `${codes.length} contracts are there`)]
    return missing.map(({ name, address }) =>
      fault(
        'contracts',
        'contract-missing',
        `there is no contract at ${address} (${name})`,
        'The deployment file belongs to another chain, or a local chain was started anew.',
      ),
    )
  } catch (error) {
    if (!(error instanceof DecloudError)) throw error
    return [fault('contracts', error.code, error.message, error.hint)]
  }
}
