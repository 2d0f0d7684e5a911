// The part of the composition root that lets events be heard: adapters that tell what they did, conditions to look at.
import type { Follower } from '@decloud/chain'
import type { BeatSender } from './beats/sender.ts'
import type { SpaceLevel } from './domain/disk-space.ts'
import type { Duties } from './duties/duties.ts'
import { DUTIES } from './duties/ports.ts'
import { recordDisks, recordImages } from './events/watch-machine.ts'
import type { Condition } from './events/watch-states.ts'
import type { MachineAdapters } from './machine.ts'
import type { EventLog } from './ports/events.ts'

export const recordedMachine = <adapters extends MachineAdapters>(
  machine: adapters,
  events: EventLog,
  nowMs: () => number,
): adapters => ({
  ...machine,
  disks: recordDisks(machine.disks, events),
  images: recordImages(machine.images, events, nowMs),
})

type Parts = {
  follower: Pick<Follower, 'health'>
  space: { level(): { readonly level: SpaceLevel; readonly freeBytes: number } | null }
  duties: Pick<Duties, 'status'>
  beats: Pick<BeatSender, 'status'> | null
}

const MIB = 1024 ** 2

export const conditionsOf = ({ follower, space, duties, beats }: Parts) => ({
  feed: {
    usual: 'syncing',
    read: (): Condition => {
      const { state, disagreement, lastError, head } = follower.health()
      const why = disagreement ?? (state === 'stale' ? lastError?.sentence : null)
      const at = head === null ? 'before any block' : `at block ${head.height}`
      return { state, message: `the view of the chain is ${state}, ${at}${why ? `: ${why}` : ''}` }
    },
  },
  space: {
    usual: 'ok',
    read: (): Condition | null => {
      const now = space.level()
      return now === null
        ? null
        : { state: now.level, message: `${Math.floor(now.freeBytes / MIB)} MiB are free under the disks` }
    },
  },
  beats: {
    usual: 'silent',
    read: (): Condition | null => {
      const status = beats?.status() ?? null
      if (status === null) return null
      if (status.error !== null)
        return { state: 'unheard', message: `no keeper hears this node: ${status.error}` }
      return status.lastSlot === null ? null : { state: 'heard', message: 'keepers hear this node' }
    },
  },
  ...Object.fromEntries(
    DUTIES.map((duty) => [
      `duty-${duty}`,
      {
        usual: 'going',
        read: (): Condition | null => {
          const { held, error } = duties.status()[duty]
          // That the feed is not current has an event of its own.
          if (held === 'feed') return null
          if (held !== null && held !== 'off') return { state: held, message: `${duty} rests: ${held}` }
          return error === null
            ? { state: 'going', message: `${duty} goes on` }
            : { state: 'failing', message: `${duty} fails and is tried again: ${error}` }
        },
      },
    ]),
  ),
})
