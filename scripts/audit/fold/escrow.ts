// LeaseEscrow's logs → leases, balances, earnings. Every figure that an event claims is worked out again and held
// against it; what the event says is then written down, so one wrong figure is one difference.
import { endingEvents } from './ending.ts'
import type { EscrowFold } from './handlers.ts'
import { ledgerEvents } from './ledger.ts'
import { lifeEvents } from './life.ts'
import { openingEvents } from './opening.ts'

export const escrowFold: EscrowFold = { ...openingEvents, ...lifeEvents, ...endingEvents, ...ledgerEvents }
