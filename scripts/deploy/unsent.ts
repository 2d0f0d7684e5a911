// A transaction that was about to be sent when Ignition's journal breaks off: it was, or it was not, and Ignition goes on
// with neither by itself.
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { DecloudError } from '@decloud/protocol'
import type { Address, Hash, PublicClient } from 'viem'
import { until } from '../lib/until.ts'
import { unsentOf } from './journal.ts'

const MINED_DEADLINE_MS = 300_000
/** How long a transaction that was sent may take until the RPC knows of it: where there is a pool, a few blocks. */
const ARRIVAL_MS = { local: 2_000, amoy: 30_000, polygon: 30_000 } as const
const COMMAND_DEADLINE_MS = 120_000
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

const ignition = (...args: readonly string[]) =>
  promisify(execFile)('hardhat', args, { timeout: COMMAND_DEADLINE_MS })

/**
 * Tells Ignition of a transaction that the deployer sent and the journal does not know, and has it forget one that the
 * chain does not know. Should that one turn up after all, Ignition's own has the same nonce: one of the two is refused,
 * and the next run finds the other here.
 * @throws DecloudError `deadline` when one is not mined within five minutes; `transaction-lost`.
 */
export const settleUnsent = async (
  client: PublicClient,
  {
    network,
    deployer,
    deploymentId,
    journal,
  }: { network: keyof typeof ARRIVAL_MS; deployer: Address; deploymentId: string; journal: string },
): Promise<void> => {
  const count = (blockTag: 'latest' | 'pending') =>
    client.getTransactionCount({ address: deployer, blockTag })
  for (const { future, nonce } of await unsentOf(journal)) {
    const isSent = async () => (await count('pending')) > nonce
    const deadline = Date.now() + ARRIVAL_MS[network]
    while (!(await isSent()) && Date.now() < deadline) await sleep(250)
    if (!(await isSent())) {
      console.log(`transaction ${nonce}, of ${future}, was not sent before the interruption`)
      await ignition('--network', network, 'ignition', 'wipe', deploymentId, future)
      continue
    }
    await until(
      async () => (await count('latest')) > nonce,
      MINED_DEADLINE_MS,
      `transaction ${nonce} of ${deployer} is not mined yet; wait for it or replace it with more gas, and run this again`,
      1_000,
    )
    const hash = await minedWith(client, deployer, nonce)
    console.log(`transaction ${nonce}, ${hash}, was sent before the interruption`)
    await ignition('--network', network, 'ignition', 'track-tx', hash, deploymentId)
  }
}
