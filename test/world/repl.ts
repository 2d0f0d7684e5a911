// `node test/world/repl.ts`: a world on simulated guests, and a prompt into it.
import { start } from 'node:repl'
import * as protocol from '@decloud/protocol'
import { readFlags } from '../../scripts/lib/flags.ts'
import { makeTenant } from '../../scripts/lib/tenant.ts'
import * as view from '../../scripts/lib/tenant-view.ts'
import { ROLES } from './market.ts'
import { startWorld } from './world.ts'

readFlags(
  'usage: npm run world\n\nA chain, contracts, a keeper and two nodes with simulated guests in one process, and a prompt into them.',
  {},
)
const world = await startWorld({ hypervisor: 'simulated', nodes: 2 })
const tenant = await makeTenant({
  rpcUrls: [world.anvil.rpcUrl],
  deployment: world.deployment,
  account: world.anvil.account(ROLES.tenant),
})
console.log(`RPC ${world.anvil.rpcUrl}, keeper ${world.keeper.url}
In scope: world, tenant, protocol, view. For example: await world.keeper.upkeep()`)
const repl = start({ prompt: 'decloud> ' })
Object.assign(repl.context, { world, tenant, protocol, view })
repl.on('exit', async () => {
  await tenant.close()
  await world.close()
})
