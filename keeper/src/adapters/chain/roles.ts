import type { Chain } from '@decloud/chain'
import { leaseDeskAbi } from '@decloud/protocol'
import type { Roles } from '../../ports/roles.ts'

export const makeRoles = (chain: Chain): Roles => {
  const desk = { address: chain.deployment.leaseDesk, abi: leaseDeskAbi } as const
  return {
    read: () =>
      chain.request('read the roles of the desk', async (client) => {
        const [scheduler, pausedUntil] = await Promise.all([
          client.readContract({ ...desk, functionName: 'scheduler' }),
          client.readContract({ ...desk, functionName: 'pausedUntil' }),
        ])
        return { scheduler, pausedUntil }
      }),
  }
}
