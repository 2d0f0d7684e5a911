/** What this keeper itself heard of nodes. */
export type Liveness = {
  /** `unknown` while this keeper has not listened for long enough to say. */
  isOnline(node: number): boolean | 'unknown'
  /** Of the last 30 days, in basis points; null while nothing is known. */
  uptimeBps(node: number): number | null
  lastBeat(node: number): { slot: number; version: string } | null
}
