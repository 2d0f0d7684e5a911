/**
 * A claim that Halmos takes for all inputs.
 * @param check `Contract.function` in test/contracts/symbolic.
 * @param says What holds, in a sentence.
 * @param bound The part of the inputs it is taken for, when not for all that storage can hold.
 */
export type Claim = { check: string; says: string; bound?: string }

/**
 * Claims of one contract that one run of Halmos takes.
 * @param seconds Until those without an answer count as timed out.
 */
export type Round = { seconds: number; claims: readonly Claim[] }

const FIGURES = 'price ≤ 2^20, amounts < 2^24, seconds < 2^16, hold-back 0 or 1 h, no cuts, no template'
const DARK = 'registry dark'
const PLAIN =
  'registry dark, price 41,667, active for an hour or not yet, no cuts, hold-back, minimum charge or template'

const STATES: Readonly<Record<string, string>> = {
  Assigned: 'not yet active',
  Running: 'active, not used up',
  Depleted: 'active, used up',
  Revived: 'revived by a top-up',
}

const byState = (check: string, states: readonly string[], says: string): Claim[] =>
  states.map((state) => ({
    check: `ExitCheck.check_${check}${state}`,
    says: `${says}: ${STATES[state]}`,
    bound: FIGURES,
  }))

const inExit = (check: string, says: string): Claim => ({
  check: `ExitCheck.check_${check}`,
  says,
  bound: FIGURES,
})

/** Functions that leave every lease of others alone. */
const APART = [
  'acceptPayee',
  'activate',
  'assign',
  'close',
  'credit',
  'deposit',
  'open',
  'openFromBalance',
  'openStack',
  'openWithAuthorization',
  'openWithPermit',
  'proposePayee',
  'reclaim',
  'sendRefund',
  'setOperator',
  'startReclaim',
  'switchRelay',
  'topUpFor',
  'withdraw',
  'withdrawEarned',
  'withdrawFor',
]

/** Functions that settle a lease, pay into it or end it: a stranger's part in these is claimed state by state. */
const UPON = ['releaseTemplateFee', 'settle', 'topUp', 'topUpFromBalance', 'end', 'expire']

const strangers = (functions: readonly string[]): Claim[] =>
  functions.map((name) => ({
    check: `StrangerCheck.check_${name}`,
    says: `${name} by a stranger leaves a lease and its tenant's balance as they were`,
    bound: DARK,
  }))

const terms = (functions: readonly string[], bound = DARK): Claim[] =>
  functions.map((name) => ({
    check: `TermsCheck.check_${name}`,
    says: `${name} by anyone leaves the terms of a priced lease as they were`,
    bound,
  }))

const FIRST: Round = {
  seconds: 90,
  claims: [
    {
      check: 'SharesCheck.check_sharesSumExactly',
      says: 'the nested shares of an amount sum to it exactly',
    },
    {
      check: 'SharesCheck.check_platformNeverFalls',
      says: 'the share of the platform never falls as the amount grows',
    },
    {
      check: 'SharesCheck.check_relayNeverFalls',
      says: 'the share of a relay never falls as the amount grows',
    },
    {
      check: 'SharesCheck.check_nodeNeverFalls',
      says: 'the share of a node never falls as the amount grows',
    },
  ],
}

const LEASE: Round = {
  seconds: 60,
  claims: [
    {
      check: 'LeaseCheck.check_dueIsAtMostDeposited',
      says: 'what is due is at most what was deposited, at any moment',
    },
  ],
}

const LIVE = Object.keys(STATES)

/** Each in a run of its own: a hard one takes no time from the others. */
const EXITS: readonly Claim[] = [
  ...byState('refundAndSettled', LIVE, 'refund and settled are the deposit, once the last of it has vested'),
  ...byState(
    'close',
    LIVE,
    'close never reverts for its tenant: USDC paused, escrow or recipient blacklisted, registry dark',
  ),
  ...byState('settle', LIVE, 'settle by a stranger lowers nothing that the tenant can take back'),
  inExit('settleEnded', 'settle by a stranger lowers nothing that the tenant has: ended'),
  inExit('expireAssigned', 'a stranger who expires a lease leaves the tenant all of it'),
  inExit('endBeforeItsTime', 'a stranger cannot end a lease that is active and not used up'),
  ...byState('end', ['Depleted', 'Revived'], 'a stranger who ends a lease lowers nothing of its tenant'),
  ...byState('topUp', LIVE, 'topUp by a stranger lowers nothing that the tenant can take back'),
]

/** Functions that come to the bill on the way. */
const BILLED = [
  'close',
  'credit',
  'end',
  'expire',
  'reclaim',
  'settle',
  'switchRelay',
  'topUp',
  'topUpFor',
  'topUpFromBalance',
]
const UNBILLED = [...APART, ...UPON].filter((name) => !BILLED.includes(name))

export const ROUNDS: readonly Round[] = [
  FIRST,
  LEASE,
  { seconds: 120, claims: strangers(APART) },
  { seconds: 120, claims: terms(UNBILLED) },
  ...EXITS.map((claim) => ({ seconds: 60, claims: [claim] })),
  ...BILLED.map((name) => ({ seconds: 60, claims: terms([name], PLAIN) })),
]

export const CLAIMS: readonly Claim[] = ROUNDS.flatMap(({ claims }) => claims)

/** For all claims together: what is not reached counts as timed out. */
export const ALL_SECONDS = 400

/** With `--deep`, every claim, and all of them together, get this many times as long. */
export const DEEP_FACTOR = 10
