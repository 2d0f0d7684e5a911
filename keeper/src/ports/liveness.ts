/**
 * What the keeper has heard of nodes. Hearing nothing is no proof of anything: a keeper that has just started, or that
 * hears no gossip at all, answers `unknown` and `null`.
 */
export type Liveness = {
  /** `true` while beats arrive, `false` once they stopped for the offline limit, `unknown` where none was ever heard. */
  isOnline(node: number): boolean | 'unknown'
  /** Share of the beats expected in the 30-day window that arrived, basis points; `null` where nothing is known. */
  uptimeBps(node: number): number | null
  lastBeat(node: number): { slot: number; version: string } | null
}
