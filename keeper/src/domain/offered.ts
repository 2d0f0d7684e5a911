// What active nodes offered together, as it changed over time: a fold of the registry's events.
import type { ProtocolEvent } from '@decloud/protocol'
import { applyNodeEvent, type NodeView } from './node.ts'

export type Offered = { nodes: bigint; pointUnits: bigint; memoryMiB: bigint; diskGiB: bigint; gpus: bigint }
/** At unix second `at` so much came, or went where it is negative. */
export type OfferedChange = { at: number } & Offered

export const NOTHING: Offered = { nodes: 0n, pointUnits: 0n, memoryMiB: 0n, diskGiB: 0n, gpus: 0n }

export const plus = (a: Offered, b: Offered, sign: 1n | -1n = 1n): Offered => ({
  nodes: a.nodes + sign * b.nodes,
  pointUnits: a.pointUnits + sign * b.pointUnits,
  memoryMiB: a.memoryMiB + sign * b.memoryMiB,
  diskGiB: a.diskGiB + sign * b.diskGiB,
  gpus: a.gpus + sign * b.gpus,
})

const offeredBy = (node: NodeView | undefined): Offered => {
  if (node === undefined || !node.active) return NOTHING
  const { pointUnits, memoryMiB, diskGiB, gpus } = node.capacity
  return { nodes: 1n, pointUnits, memoryMiB, diskGiB, gpus: BigInt(gpus) }
}

const RELEVANT = new Set(['NodeRegistered', 'CapacityChanged', 'NodeActiveChanged'])

/** @param events of the registry, in chain order. @returns the changes, in the same order. */
export const offeredChanges = (events: readonly ProtocolEvent[]): OfferedChange[] => {
  const nodes = new Map<number, NodeView>()
  const changes: OfferedChange[] = []
  for (const event of events) {
    if (event.contract !== 'NodeRegistry' || !RELEVANT.has(event.name) || !('node' in event.args)) continue
    const { node } = event.args
    const before = nodes.get(node)
    const after = applyNodeEvent(before, event)
    if (after === undefined) continue
    nodes.set(node, after)
    changes.push({ at: Number(event.timestamp), ...plus(offeredBy(after), offeredBy(before), -1n) })
  }
  return changes
}
