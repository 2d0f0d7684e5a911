// Which guests are known to have their limits, for as long as nothing says that they may have lost them. A hint, kept in
// memory: without it limits are only set once more, which changes nothing.
import { sentenceOf } from '@decloud/protocol'
import type { Hex } from 'viem'
import type { Tended } from '../domain/plan-limits.ts'
import type { Hypervisor } from '../ports/hypervisor.ts'
import type { Log } from './ports.ts'
import type { Resources } from './resources.ts'

export type Tending = {
  of(leaseId: Hex): Tended
  shaped(leaseId: Hex): void
  tuned(leaseId: Hex): void
  close(): void
}

export const makeTending = (
  hypervisor: Hypervisor,
  { shaper, anchors }: Pick<Resources, 'shaper' | 'anchors'>,
  log: Log,
): Tending => {
  const shaped = new Set<Hex>()
  const tuned = new Set<Hex>()
  const warn = (error: unknown) =>
    log.warn({ detail: sentenceOf(error) }, 'what was set for a guest is not freed')

  const running = async () => {
    const on = (await hypervisor.list()).filter(({ state }) => state !== 'stopped' && state !== 'crashed')
    return on.map(({ leaseId }) => leaseId)
  }

  const sweep = () => {
    void shaper.sweep(running).catch(warn)
    void anchors.tidy().catch(warn)
  }

  const close = hypervisor.subscribe((event) => {
    if (event.kind === 'reconnected') {
      // Guests may have gone and come back unheard of.
      shaped.clear()
      tuned.clear()
      sweep()
    }
    if (event.kind !== 'started' && event.kind !== 'stopped') return
    shaped.delete(event.leaseId)
    tuned.delete(event.leaseId)
    // A guest that is up again by now has its limits set anew: its lost ones are seen when they are read.
    if (event.kind !== 'stopped') return
    void shaper.release(event.leaseId).catch(warn)
    void anchors.tidy().catch(warn)
  })
  sweep()

  return {
    of: (leaseId) => ({ shaped: shaped.has(leaseId), tuned: tuned.has(leaseId) }),
    shaped: (leaseId) => void shaped.add(leaseId),
    tuned: (leaseId) => void tuned.add(leaseId),
    close,
  }
}
