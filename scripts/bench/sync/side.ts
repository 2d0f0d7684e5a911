// What each side is given, and what it says when it is done.
import { rmSync, statSync } from 'node:fs'
import type { Deployment } from '@decloud/protocol'
import { type Calls, countCalls } from './calls.ts'

export type Task = { rpcUrl: string; deployment: Deployment; file: string; height: number }
/** `coreSeconds` of this process alone: others may use the machine meanwhile. */
export type Result = Calls & {
  seconds: number
  coreSeconds: number
  events: number
  bytes: number
  maxRssMiB: number
}

const sizeOf = (file: string) =>
  ['', '-wal'].reduce(
    (sum, end) => sum + (statSync(`${file}${end}`, { throwIfNoEntry: false })?.size ?? 0),
    0,
  )

/** Runs one side: reads its task from the command line, writes its result to stdout. @param sync returns the events. */
export const runSide = async (sync: (task: Task) => Promise<number>): Promise<void> => {
  const task = JSON.parse(process.argv[2]!) as Task
  for (const end of ['', '-wal', '-shm']) rmSync(`${task.file}${end}`, { force: true })
  const counted = countCalls()
  const before = process.cpuUsage()
  const from = performance.now()
  const events = await sync(task)
  const seconds = (performance.now() - from) / 1_000
  const { user, system } = process.cpuUsage(before)
  const coreSeconds = (user + system) / 1_000_000
  const maxRssMiB = process.resourceUsage().maxRSS / 1_024
  const result: Result = { ...counted, seconds, coreSeconds, events, bytes: sizeOf(task.file), maxRssMiB }
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
