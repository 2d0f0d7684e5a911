import type { Offered } from '../domain/offered.ts'

/** Sums over the market. Times are unix seconds, steps in seconds; a row is a step in which anything happened. */
export type Series = {
  /** Leases opened, activated and ended. */
  leases(span: Span): { at: number; opened: bigint; activated: bigint; ended: bigint }[]
  /** µUSDC credited: to nodes, relays and the platform. */
  revenue(span: Span): { at: number; nodes: bigint; relays: bigint; platform: bigint }[]
  /** What active nodes offered in all: before `from`, and the change in each step. */
  capacity(span: Span): { before: Offered; changes: ({ at: number } & Offered)[] }
  /** Reviews with one, two, … five stars. */
  stars(subject: { node: number } | { template: number }): number[]
}

/** `from` and `to` are beginnings of steps; both included. */
export type Span = { from: number; to: number; step: number }
