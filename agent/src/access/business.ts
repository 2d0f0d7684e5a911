// Who has any business on this node: its operator, tenants of its leases, and their collaborators. Everybody else is
// turned away at the sign-in.
import type { EventReader } from '@decloud/chain'
import type { Deployment, LeaseView } from '@decloud/protocol'
import type { Database } from 'better-sqlite3'
import { type Address, type Hex, isAddressEqual, pad } from 'viem'
import { AgentError } from '../lib/errors.ts'
import type { LeaseChain } from '../reconcile/ports.ts'
import type { Levels } from './levels.ts'

const wordOf = (account: Address): Hex => pad(account.toLowerCase() as Hex)

/** Leases that are asked about for one sign-in, the newest first. */
const MOST_ASKED = 64

export type BusinessOptions = {
  db: Database
  read: EventReader
  deployment: Pick<Deployment, 'leaseAccess'>
  leases: Pick<LeaseChain, 'snapshot' | 'node'>
  levels: Pick<Levels, 'of' | 'isOperator'>
}

export interface Business {
  /** Whether there is a reason to ask the chain about the account: a stranger costs it no question. */
  mayHave(account: Address): Promise<boolean>
  /**
   * Whether the chain says so now.
   * @throws AgentError `access-unknown` while it cannot be read, and while the logs are still being read: absence there
   *   means nothing.
   */
  has(account: Address): Promise<boolean>
}

export const makeBusiness = ({ db, read, deployment, leases, levels }: BusinessOptions): Business => {
  /** Leases of this node that the account opened, or was once let in to. */
  const candidates = (account: Address): Hex[] => {
    const { leases: sights } = leases.snapshot()
    const isHere = (lease: LeaseView | undefined): lease is LeaseView => lease?.node === leases.node
    const own = [...sights.values()]
      .map(({ latest }) => latest)
      .filter((lease) => isHere(lease) && isAddressEqual(lease.tenant, account))
      .flatMap((lease) => lease?.leaseId ?? [])
    const granted = grantsOf(account).filter((leaseId) => isHere(sights.get(leaseId)?.latest))
    return [...new Set([...own.reverse(), ...granted.reverse()])]
  }

  const grantsOf = (account: Address): Hex[] =>
    deployment.leaseAccess === undefined
      ? []
      : read(db, { address: deployment.leaseAccess, topic2: wordOf(account) }).flatMap((event) =>
          event.name === 'AccessChanged' ? [event.args.leaseId] : [],
        )

  return {
    mayHave: async (account) => candidates(account).length > 0 || (await levels.isOperator(account)),
    has: async (account) => {
      if (await levels.isOperator(account)) return true
      for (const leaseId of candidates(account).slice(0, MOST_ASKED)) {
        if ((await levels.of(leaseId, account)) !== null) return true
      }
      if (leases.snapshot().fresh) return false
      throw new AgentError('access-unknown', 'The node has not read the whole chain yet.', {
        hint: 'Try again in a minute.',
      })
    },
  }
}
