// A custom error of a contract → a sentence that says what happened and what to do.
import { lensRefusals, satelliteRefusals } from './around.ts'
import { escrowRefusals } from './escrow.ts'
import { marketRefusals } from './market.ts'
import type { AllRefusals, LibraryRefusals, Sentence } from './shape.ts'

const libraryRefusals: LibraryRefusals = {
  OwnableUnauthorizedAccount: (account) => [
    `${account} does not own this contract.`,
    'Let its owner do it: on a public chain that is the timelock, after its delay.',
  ],
  OwnableInvalidOwner: (owner) => [`${owner} cannot own a contract.`, 'Name an account.'],
  SafeERC20FailedOperation: (token) => [
    `The token ${token} refused the transfer.`,
    'See whether the account holds that much and has allowed it.',
  ],
  SafeCastOverflowedUintDowncast: (bits, value) => [
    `The figure ${value} has more than ${bits} bits.`,
    'Give a smaller one.',
  ],
  StringTooLong: (text) => [`"${text}" is longer than 31 bytes.`, 'Shorten it.'],
  InvalidShortString: () => ['A short text in storage is damaged.', 'Report this: the contract is not ours.'],
  ERC5267ExtensionsNotSupported: () => [
    'The token describes its signatures in a way that is not understood.',
    'Approve the escrow with a transaction instead of a signature.',
  ],
}

const REFUSALS: AllRefusals = {
  ...escrowRefusals,
  ...marketRefusals,
  ...lensRefusals,
  ...satelliteRefusals,
  ...libraryRefusals,
}

export type Refusal = { message: string; hint: string }

/**
 * @param args as viem decodes them, in the order of the ABI.
 * @returns `undefined` for an error that no contract of ours has.
 */
export const refusalOf = (errorName: string, args: readonly unknown[]): Refusal | undefined => {
  if (!Object.hasOwn(REFUSALS, errorName)) return undefined
  // Name and arguments were decoded by the same ABIs that the table is typed by.
  const say = REFUSALS[errorName as keyof AllRefusals] as (...args: readonly unknown[]) => Sentence
  const [message, hint] = say(...args)
  return { message, hint }
}
