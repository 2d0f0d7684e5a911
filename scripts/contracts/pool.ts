import { availableParallelism } from 'node:os'

/** Runs `work` on every item, as many at a time as there are cores, in their order. The first failure ends it. */
export const forEach = async <item>(
  items: readonly item[],
  work: (item: item) => Promise<void>,
  jobs = availableParallelism(),
): Promise<void> => {
  let next = 0
  const worker = async () => {
    while (next < items.length) await work(items[next++]!)
  }
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, worker))
}

/** `1 h 12 min`, `4 min 10 s`, `9 s`. */
export const duration = (seconds: number): string => {
  const whole = Math.round(seconds)
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)]
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`
}
