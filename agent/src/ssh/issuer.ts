// Certificates for those whom the chain lets into a lease, each noted in the operator's event log.
import type { SshCertificate } from '@decloud/protocol/wire/ssh'
import type { Address, Hex } from 'viem'
import { sshAccessOf } from '../api/report.ts'
import { AgentError } from '../lib/errors.ts'
import { makeLimiter } from '../orders/limiter.ts'
import type { EventLog } from '../ports/events.ts'
import type { LeaseKeyStore } from '../ports/lease-keys.ts'
import type { VmStore } from '../reconcile/ports.ts'
import { issueCertificate } from './certificate.ts'
import { authorityFile } from './key-store.ts'

/** Of one wallet for one lease; a login needs one. */
const PER_MINUTE = 20

export type Issuer = {
  /** @throws AgentError `rate-limited`, `ssh-authority-missing`, and as `issueCertificate`. */
  issue(wanted: { leaseId: Hex; wallet: Address; publicKey: string }): Promise<SshCertificate>
}

/** @param deps.directory of the key store. Whoever calls has made sure that the wallet may use the lease. */
export const makeIssuer = (deps: {
  directory: string
  keys: Pick<LeaseKeyStore, 'of'>
  store: Pick<VmStore, 'get'>
  events: EventLog
  nowMs: () => number
}): Issuer => {
  const { directory, keys, store, events, nowMs } = deps
  const mayPass = makeLimiter(PER_MINUTE, nowMs)

  const issue: Issuer['issue'] = async ({ leaseId, wallet, publicKey }) => {
    if (!mayPass(`${leaseId}:${wallet}`)) {
      throw new AgentError(
        'rate-limited',
        `No more than ${PER_MINUTE} certificates are issued in a minute.`,
        {
          hint: 'One lasts an hour: use it again.',
          details: { retryAfterSeconds: Math.ceil(60 / PER_MINUTE) },
        },
      )
    }
    const vm = store.get(leaseId)
    if (vm === null || vm.status === 'Deleted' || (await keys.of(leaseId)) === null) {
      throw new AgentError('ssh-authority-missing', 'The guest of this lease knows no certificates yet.', {
        hint: 'Wait until the node has set it up; one that was set up long ago learns of them by a reinstall.',
      })
    }
    const order = { leaseId, wallet, publicKey, nowMs: nowMs() }
    const issued = await issueCertificate(authorityFile(directory, leaseId), directory, order)
    const { certificate: _, ...details } = issued
    const until = new Date(issued.validBefore * 1_000).toISOString()
    events.record({
      ...{ kind: 'ssh.certificate', leaseId, by: wallet, details },
      message: `${wallet} was given an SSH certificate that is valid until ${until}.`,
    })
    return { ...issued, ssh: sshAccessOf(vm) }
  }
  return { issue }
}
