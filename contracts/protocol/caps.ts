// Mirror of contracts/src/libraries/Caps.sol: bounds that no registry, policy or owner can leave. Times in seconds.

/** How long the scheduler alone may assign a request; after that the agent of an eligible node may too. */
export const HEAD_START = 60
export const MIN_ACTIVATE_WITHIN = 60
export const MAX_ACTIVATE_WITHIN = 86_400
/** The longest time earned money may stay creditable to the tenant. */
export const MAX_HOLD_BACK = 86_400
/** What is paid in buys at least this long. */
export const MIN_RUNWAY = 60
/** The longest minimum charge of a node. */
export const MAX_MIN_CHARGE = 300
export const MAX_PLATFORM_BPS = 1_500n
