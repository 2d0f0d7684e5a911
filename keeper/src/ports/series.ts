/** Sums of the market by step of time. Times are unix seconds, steps in seconds; each row is one step that had any. */
export type Series = {
  /** Leases opened, activated and ended. */
  leases(span: Span): { at: number; opened: bigint; activated: bigint; ended: bigint }[]
  /** µUSDC credited: to nodes, relays and the platform. */
  revenue(span: Span): { at: number; nodes: bigint; relays: bigint; platform: bigint }[]
  /** What active nodes offered in all: the change in each step, and what it was before `from`. */
  capacity(span: Span): { before: Offered; changes: ({ at: number } & Offered)[] }
}

/** `from` and `to` are beginnings of steps; both included. */
export type Span = { from: number; to: number; step: number }
export type Offered = { nodes: bigint; pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint; gpus: bigint }
