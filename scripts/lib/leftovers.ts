// What a run would leave behind, and the process that removes it.
//
// The owner tells a reaper, in a session of its own, about every outside resource it makes. The reaper removes them
// all, newest first, when the owner says so or when the pipe between them breaks: a crash, a `kill -9` and a normal
// end take the same path. The owner is never asked to be in good health while it dies.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { DecloudError } from '@decloud/protocol'

export type Leftover =
  /** `startTime` is field 22 of /proc/pid/stat: a number used again by another process is never killed. */
  | { kind: 'process'; pid: number; startTime: string }
  | { kind: 'directory'; path: string }
  /** The libvirt network and every domain attached to it. */
  | { kind: 'network'; uri: string; name: string }
  /** Firewall chains that a libvirtd of ours made, and the forwarding switch it flipped. */
  | { kind: 'libvirt-firewall'; ipForward: string }
  /** Empty control groups of guests whose libvirtd was killed, by a part of their names. */
  | { kind: 'cgroups'; named: string }

/** @returns the start time that tells this process from a later one of the same number; null when it is gone. */
export const startTimeOf = async (pid: number): Promise<string | null> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null // no such process: that is the answer, not an error
  }
}

export type Leftovers = {
  process(pid: number): Promise<void>
  add(leftover: Leftover): void
  /** Removes everything and waits for it. */
  reap(): Promise<void>
}

const REAP_DEADLINE_MS = 60_000

/** Starts the reaper. It lives exactly as long as there may be something to remove. */
export const startReaper = async (): Promise<Leftovers> => {
  const child = spawn(process.execPath, [new URL('./reaper.ts', import.meta.url).pathname], {
    detached: true, // a session of its own: Ctrl-C goes to the foreground group and must not reach it
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  await once(child, 'spawn')
  const exited = once(child, 'exit')
  const add = (leftover: Leftover) => {
    child.stdin.write(`${JSON.stringify(leftover)}\n`)
  }
  return {
    add,
    process: async (pid) => {
      const startTime = await startTimeOf(pid)
      if (startTime !== null) add({ kind: 'process', pid, startTime })
    },
    reap: async () => {
      child.stdin.end()
      const timeout = AbortSignal.timeout(REAP_DEADLINE_MS)
      await Promise.race([exited, once(timeout, 'abort')])
      if (child.exitCode !== 0) {
        throw new DecloudError('leftovers', 'Not everything that this run made could be removed.', {
          hint: 'See the lines above; `virsh list --all` and `virsh net-list --all` show what is left.',
        })
      }
    },
  }
}
