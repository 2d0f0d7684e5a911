// What the contracts must say of a lease.
import { type Deployment, END_REASONS, LEASE_STATUSES, type LeaseView } from '@decloud/protocol'
import { zeroAddress, zeroHash } from 'viem'
import type { AuditedLease } from '../../ports/storage.ts'
import { ACCESS_LEVELS } from '../access.ts'
import { asker, type Fields, type Question } from '../question.ts'

const NO_KEY = { sealingKey: zeroHash, epoch: 0 }

const storedFields = (lease: LeaseView) => ({
  status: lease.status,
  endReason: lease.endReason,
  tenant: lease.tenant,
  node: lease.node,
  relay: lease.relay,
  activateBy: lease.activateBy,
  startedAt: lease.startedAt,
  endedAt: lease.endedAt,
  pricePerHour: lease.pricePerHour,
  deposited: lease.deposited,
  settled: lease.settled,
  credited: lease.credited,
  holdBack: lease.holdBack,
  minCharge: lease.minCharge,
  notice: lease.notice,
  platformBps: lease.platformBps,
  relayBps: lease.relayBps,
  paidBefore: lease.paidBefore,
})

const byAccount = (a: Fields, b: Fields) =>
  String(a['account']).toLowerCase() < String(b['account']).toLowerCase() ? -1 : 1

export const leaseQuestions = (deployment: Deployment, audited: AuditedLease): Question[] => {
  const { lease, collaborators, manifest, stars } = audited
  const { leaseId, templateFee, terms } = lease
  const args = [leaseId]
  const { author = zeroAddress, held = 0n, refundWindow = 0 } = templateFee ?? {}
  return [
    ...asker(deployment, 'leaseEscrow')('lease', leaseId, [
      {
        ...{ functionName: 'leaseOf', args, expected: storedFields(lease) },
        read: (stored) => ({
          ...stored,
          status: LEASE_STATUSES[Number(stored['status'])],
          endReason: END_REASONS[Number(stored['endReason'])],
        }),
      },
      {
        ...{ functionName: 'reclaimableFrom', args, expected: { reclaimAt: lease.reclaimAt } },
        read: ({ value }) => ({ reclaimAt: value }),
      },
      { functionName: 'templateFeeOf', args, expected: { author, held, refundWindow } },
      {
        ...{ functionName: 'templateOf', args },
        expected: { template: terms.template, version: terms.templateVersion },
      },
    ]),
    ...asker(deployment, 'leaseMandates')('lease', leaseId, [
      { functionName: 'renewalOf', args, expected: lease.renewal },
    ]),
    ...asker(deployment, 'leaseAccess')('access', leaseId, [
      {
        ...{ functionName: 'collaboratorsOf', args },
        expected: {
          collaborators: collaborators
            .map(({ account, level, key }) => {
              const { sealingKey, epoch } = key ?? NO_KEY
              return { account, level: ACCESS_LEVELS.indexOf(level), sealingKey, epoch }
            })
            .sort(byAccount),
        },
        // The order of the contract's list means nothing.
        read: ({ value }) => ({ collaborators: [...(value as Fields[])].sort(byAccount) }),
      },
      {
        ...{ functionName: 'manifestOf', args },
        expected: {
          manifestHash: manifest?.manifestHash ?? zeroHash,
          version: manifest?.version ?? 0,
          postedIn: Number(manifest?.postedIn ?? 0n),
        },
      },
    ]),
    ...asker(deployment, 'reviews')('review', leaseId, [
      { functionName: 'starsOf', args, expected: { nodeStars: stars.node, templateStars: stars.template } },
    ]),
  ]
}
