/**
 * Runs that once ended in a violation, of the agent or of the model, and are always run again. `steps` is where it was
 * found; a change of the actions or their weights makes another run of the same seed, so each carries some to spare.
 */
export const REGRESSIONS: readonly {
  readonly seed: number
  readonly steps: number
  readonly found: string
}[] = [
  {
    seed: 102,
    steps: 1_600,
    found: 'a purge that relied on a second read three days old, after a deep reorg',
  },
  { seed: 5, steps: 500, found: 'a reinstall in hand when the lease ended, which a deep reorg brought back' },
  { seed: 12, steps: 1_700, found: 'the same, with the disk still to be made' },
  {
    seed: 101,
    steps: 6_400,
    found: 'a disk set aside by an order long ago, purged at once when the lease ended',
  },
]
