// A real keeper on a real chain: sixty nodes, and a tenant with sixty leases.
import { OPERATOR, startLocal, TENANT } from '../../../chain/test/local.ts'
import { makeHarness } from '../../../keeper/test/harness.ts'
import { makeMarketWorld } from '../../../keeper/test/market-world.ts'

const NODES = 60
const LEASES = 60

const local = await startLocal()
const harness = await makeHarness(local)
try {
  const { leases } = await makeMarketWorld(local)
  for (let i = 0; i < NODES; i++) await local.register(`https://node-${i}.example`)
  await local.fund(TENANT, 1_000_000_000n)
  await local.openMany(TENANT, 2, LEASES)
  // As often as a keeper looks whose RPC is elsewhere: the chain at hand is a test's.
  const keeper = await harness.boot({ pollMs: 1_000 })
  await keeper.synced()
  const done = new Promise<void>((resolve) => process.once('disconnect', resolve))
  process.on('message', (message) => {
    if (message === 'cpu') {
      const { user, system } = process.cpuUsage()
      process.send?.({ microseconds: user + system })
    } else process.disconnect()
  })
  process.send?.({
    ...{ kind: 'up', url: keeper.url },
    hot: [
      '/api/marketplace/nodes/1',
      '/api/marketplace/templates',
      `/api/leases/${leases.active}`,
      `/api/accounts/${local.anvil.account(OPERATOR).address}`,
    ],
    page: '/api/marketplace/nodes?limit=50',
  })
  await done
} finally {
  await harness.close()
  await local.stop()
}
