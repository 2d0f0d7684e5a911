// The disk of an ended lease under a living one of the same tenant.
import { isAddressEqual } from 'viem'
import { AgentError } from '../../lib/errors.ts'
import type { Executors } from './context.ts'
import { recordOf } from './records.ts'

export const adopt: Executors<'AdoptDisk'> = {
  AdoptDisk: async (context, { from, quarantinedAt, install }) => {
    const { deps, lease } = context
    const vm = recordOf(context)
    if (vm.task !== 'restore') {
      throw new AgentError('order-missing', 'No order of the tenant for this is in hand.')
    }
    // The plan went by the logs; whose data this is, storage has to say as well.
    const [own, other] = await Promise.all([deps.chain.tenantOf(lease.leaseId), deps.chain.tenantOf(from)])
    if (!isAddressEqual(own, other) || !(await deps.chain.confirmEnded(from))) {
      throw new AgentError('adoption-unconfirmed', 'Storage does not say that the disk is this tenant’s.')
    }
    // First which installation it is: a crash after the rename could no longer tell.
    deps.store.put({ ...vm, install })
    const sizeGiB = lease.terms.diskGiB
    await deps.disks.adopt({ from, quarantinedAt, to: lease.leaseId, sizeGiB })
    deps.log.info(
      { leaseId: lease.leaseId, from, quarantinedAt },
      'the disk of an ended lease is in use again',
    )
    return undefined
  },
}
