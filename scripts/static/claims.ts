/**
 * A claim that Halmos takes for all inputs.
 * @param check `Contract.function` in test/contracts/symbolic.
 * @param says What holds, in a sentence.
 * @param bound The part of the inputs it is taken for, when not for all that storage can hold.
 * @param seconds Until it counts as timed out.
 */
export type Claim = { check: string; says: string; bound?: string; seconds: number }

export const CLAIMS: readonly Claim[] = [
  {
    check: 'SharesCheck.check_sharesSumExactly',
    says: 'the nested shares of an amount sum to it exactly',
    seconds: 60,
  },
  {
    check: 'SharesCheck.check_platformNeverFalls',
    says: 'the share of the platform never falls as the amount grows',
    seconds: 60,
  },
  {
    check: 'SharesCheck.check_relayNeverFalls',
    says: 'the share of a relay never falls as the amount grows',
    seconds: 60,
  },
  {
    check: 'SharesCheck.check_nodeNeverFalls',
    says: 'the share of a node never falls as the amount grows',
    seconds: 60,
  },
  {
    check: 'LeaseCheck.check_dueIsAtMostDeposited',
    says: 'what is due is at most what was deposited, at any moment',
    seconds: 60,
  },
  {
    check: 'LeaseCheck.check_refundAndSettledAreTheDeposit',
    says: 'refund and settled are the deposit, once the last of it has vested',
    bound: 'all figures, no cuts',
    seconds: 60,
  },
  {
    check: 'LeaseCheck.check_closeNeverReverts',
    says: 'close never reverts for its tenant: USDC paused, escrow or recipient blacklisted, registry dark',
    bound: 'all figures, no template',
    seconds: 120,
  },
  {
    check: 'LeaseCheck.check_settlingLowersNothing',
    says: 'settling by a stranger lowers nothing that the tenant can take back',
    bound: 'all figures, no cuts',
    seconds: 60,
  },
  {
    check: 'LeaseCheck.check_strangersEndWithoutLoss',
    says: 'a stranger who ends a lease that is over lowers nothing that the tenant can take back',
    bound: 'all figures, no cuts',
    seconds: 60,
  },
]

/** For all claims together: what is not reached counts as timed out. */
export const ALL_SECONDS = 480

/** With `--deep`, every claim, and all of them together, get this many times as long. */
export const DEEP_FACTOR = 10
