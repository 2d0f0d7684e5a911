/** A node whose payee is the payouts contract. Earned is µUSDC, not yet withdrawn; `pushedAt` unix seconds, 0 for never. */
export type EnrolledNode = { node: number; earned: bigint; pushedAt: number }

export type PayoutsChain = {
  /**
   * @returns those of `nodes` that are enrolled and whose recipient USDC would pay now, as of the newest block, with its
   *   time; `refused` are those that it would not: on a list, or everything is paused.
   */
  look(nodes: readonly number[]): Promise<{ at: number; payable: EnrolledNode[]; refused: number[] }>
}
