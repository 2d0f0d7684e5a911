// The same written plainly: ask for a range, let viem decode, put each event into one table. No rollback, no cursor of
// hashes, no second look, no tables but this one.
import * as protocol from '@decloud/protocol'
import Sqlite from 'better-sqlite3'
import { createPublicClient, http, parseEventLogs } from 'viem'
import { runSide } from './side.ts'

const RANGE = 100n

await runSide(async ({ rpcUrl, deployment, file, height }) => {
  const client = createPublicClient({ transport: http(rpcUrl, { timeout: 60_000 }) })
  const db = new Sqlite(file)
  db.pragma('journal_mode = WAL')
  db.exec(
    `CREATE TABLE events (block INTEGER, log_index INTEGER, tx TEXT, address TEXT, name TEXT, args TEXT,
       PRIMARY KEY (block, log_index))`,
  )
  const insert = db.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)')
  const contracts = [
    [deployment.leaseEscrow, protocol.leaseEscrowAbi],
    [deployment.leaseDesk, protocol.leaseDeskAbi],
    [deployment.downtimeQuorum, protocol.downtimeQuorumAbi],
    [deployment.leaseMandates, protocol.leaseMandatesAbi],
    [deployment.nodeRegistry, protocol.nodeRegistryAbi],
    [deployment.pricePolicy, protocol.pricePolicyAbi],
    [deployment.templateRegistry!, protocol.templateRegistryAbi],
    [deployment.leaseAccess!, protocol.leaseAccessAbi],
    [deployment.reviews!, protocol.reviewsAbi],
    [deployment.reputation!, protocol.reputationAbi],
    [deployment.premiumStake!, protocol.premiumStakeAbi],
  ] as const
  const abi = contracts.flatMap(([, abi]) => abi.filter((item) => item.type === 'event'))
  const address = contracts.map(([address]) => address)
  let count = 0
  for (let from = 0n; from <= BigInt(height); from += RANGE) {
    const to = from + RANGE - 1n < BigInt(height) ? from + RANGE - 1n : BigInt(height)
    const events = parseEventLogs({
      abi,
      logs: await client.getLogs({ address, fromBlock: from, toBlock: to }),
    })
    db.transaction(() => {
      for (const event of events) {
        const args = JSON.stringify(event.args, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v))
        const { blockNumber, logIndex, transactionHash } = event
        insert.run(Number(blockNumber), logIndex, transactionHash, event.address, event.eventName, args)
      }
    })()
    count += events.length
  }
  db.close()
  return count
})
