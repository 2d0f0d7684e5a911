// A transaction that was sent in the instant before Ignition's journal could say so.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { DecloudError } from '@decloud/protocol'
import type { Address, Hash, PublicClient } from 'viem'
import { until } from '../lib/until.ts'
import { unsentNoncesOf } from './journal.ts'

const MINED_DEADLINE_MS = 300_000
/** How far back a transaction is looked for: a week of two-second blocks. */
const MOST_BLOCKS = 302_400n

/** The transaction with this nonce, which is mined. Doubles its steps back, then halves the distance. */
const minedWith = async (client: PublicClient, from: Address, nonce: number): Promise<Hash> => {
  const isUsed = async (blockNumber: bigint) =>
    (await client.getTransactionCount({ address: from, blockNumber })) > nonce
  const latest = await client.getBlockNumber()
  const floor = latest > MOST_BLOCKS ? latest - MOST_BLOCKS : 0n
  let high = latest
  let low = latest
  for (let back = 1n; low > floor && (await isUsed(low)); back *= 2n) {
    high = low
    low = latest - back > floor ? latest - back : floor
  }
  while (high - low > 1n) {
    const middle = (low + high) / 2n
    if (await isUsed(middle)) high = middle
    else low = middle
  }
  const { transactions } = await client.getBlock({ blockNumber: high, includeTransactions: true })
  const found = transactions.find((one) => one.nonce === nonce && one.from === from.toLowerCase())
  if (found !== undefined) return found.hash
  throw new DecloudError(
    'transaction-lost',
    `Transaction ${nonce} of ${from} is mined, but not to be found.`,
    {
      hint: 'Look its hash up in an explorer and run: npx hardhat ignition track-tx HASH DEPLOYMENT',
    },
  )
}

/**
 * Tells Ignition of transactions that the deployer sent and the journal does not know: without them it would refuse to
 * go on.
 * @throws DecloudError `deadline` when one is not mined within five minutes; `transaction-lost`.
 */
export const adoptUnsent = async (
  client: PublicClient,
  {
    network,
    deployer,
    deploymentId,
    journal,
  }: Record<'network' | 'deploymentId' | 'journal', string> & {
    deployer: Address
  },
): Promise<void> => {
  for (const nonce of await unsentNoncesOf(journal)) {
    const count = (blockTag: 'latest' | 'pending') =>
      client.getTransactionCount({ address: deployer, blockTag })
    if ((await count('pending')) <= nonce) continue
    await until(
      async () => (await count('latest')) > nonce,
      MINED_DEADLINE_MS,
      `transaction ${nonce} of ${deployer} is not mined yet; wait for it or replace it with more gas, and run this again`,
      1_000,
    )
    const hash = await minedWith(client, deployer, nonce)
    console.log(`transaction ${nonce}, ${hash}, was sent before the interruption`)
    const track = ['--network', network, 'ignition', 'track-tx', hash, deploymentId]
    await promisify(execFile)('hardhat', track, { timeout: 120_000 })
  }
}
