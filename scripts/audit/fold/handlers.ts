// The shape of a fold: one handler an event of a contract. The type asks for all of them, so an event that is added to
// an ABI does not compile until its fold is written.
import type { leaseEscrowAbi } from '@decloud/protocol'
import type { Abi, ContractEventName, GetEventArgs } from 'viem'
import type { Books, Place } from '../books.ts'

type EventArgs<abi extends Abi, name extends ContractEventName<abi>> = GetEventArgs<
  abi,
  name,
  { EnableUnion: false; IndexedOnly: false; Required: true }
>

export type Handlers<abi extends Abi> = {
  [name in ContractEventName<abi>]: (books: Books, args: EventArgs<abi, name>, place: Place) => void
}

export type EscrowFold = Handlers<typeof leaseEscrowAbi>

/** For events that are about nothing the audit rebuilds. */
export const unrelated = (): void => {}
