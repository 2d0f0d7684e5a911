/** A month for prices: 30 days. */
export const HOURS_PER_MONTH = 720n
