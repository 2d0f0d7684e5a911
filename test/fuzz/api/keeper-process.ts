// A keeper on a chain with something in every table, in a process of its own that can say how large its heap is.
import { AGENT, OPERATOR, startLocal, TENANT } from '../../../chain/test/local.ts'
import { makeHarness } from '../../../keeper/test/harness.ts'
import { makeMarketWorld, TEMPLATES } from '../../../keeper/test/market-world.ts'
import { signIn } from '../../../keeper/test/sign-in.ts'

type Ask = 'heap' | 'token' | 'stop'

const local = await startLocal()
const harness = await makeHarness(local)
const say = (message: object) => process.send?.(message)

try {
  const { leases } = await makeMarketWorld(local)
  const keeper = await harness.boot({ sponsor: { enabled: true } })
  await keeper.synced()
  const accounts = [TENANT, OPERATOR, AGENT].map((index) => local.anvil.account(index).address)
  const ids = Object.values(leases)
  say({
    kind: 'up',
    url: keeper.url,
    known: {
      ...{ leaseId: ids, node: ['1', '2', '3', '77'], id: ['1', '2', '3'], relay: ['2', '3'] },
      ...{ template: ['1', '2'], version: ['1', '2'], slugOrId: ['1', ...TEMPLATES.map(({ slug }) => slug)] },
      // A name that never resolves: what is registered here is not sent anywhere.
      ...{ url: ['https://hook.invalid/x'], address: accounts, to: accounts, payer: accounts },
      ...{ account: accounts, operator: accounts, tenant: accounts, author: accounts, from: accounts },
    },
  })
  await new Promise<void>((resolve) => {
    process.on('message', (ask: Ask) => {
      if (ask === 'stop') resolve()
      else if (ask === 'token') {
        const account = local.anvil.account(OPERATOR)
        signIn(keeper.url, account).then(
          ({ accessToken }) => say({ kind: 'token', token: accessToken }),
          (error: unknown) => say({ kind: 'failed', message: String(error) }),
        )
      } else {
        // Twice: what a finaliser lets go of is collected by the second.
        globalThis.gc?.()
        globalThis.gc?.()
        say({ kind: 'heap', bytes: process.memoryUsage().heapUsed })
      }
    })
    process.once('disconnect', resolve)
  })
} finally {
  await harness.close()
  await local.stop()
  if (process.connected) process.disconnect()
}
