// A machine of one's own on this one: namespaces in which libvirtd, its guests, networks and firewall rules can be
// killed at will. The host's libvirt, and whoever uses it, notice nothing; the end of the namespaces is the clean-up.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DecloudError } from '@decloud/protocol'
import type { Leftovers } from './leftovers.ts'
import { openKvmToGroup } from './libvirt-up.ts'

const SETPRIV = '/usr/bin/setpriv'
const INSIDE = fileURLToPath(new URL('./own-machine.sh', import.meta.url))

export type OwnMachineOptions = {
  /** A new folder that QEMU's user may pass through: the only place where this machine's files outlive it. */
  scratch: string
  /** A script for this Node, and its arguments. It becomes a child of the machine's process 1. */
  script: string
  args: readonly string[]
  leftovers: Leftovers
  /** Its abort ends every process of the machine at once. */
  signal: AbortSignal
}

/**
 * Runs the script inside, its output on ours, and resolves to its exit code; null when it was killed. Every process of
 * the machine has ended by then, and ends too when this process is killed: the kernel sees to it.
 * @throws DecloudError `own-machine` when the kernel grants no namespaces.
 */
export const onOwnMachine = async (options: OwnMachineOptions): Promise<number | null> => {
  const { scratch, script, args, leftovers, signal } = options
  await openKvmToGroup()
  // Control groups are the one thing that namespaces do not take with them.
  leftovers.add({ kind: 'cgroups', named: basename(scratch) })
  const namespaces = ['--mount', '--net', '--pid', '--ipc', '--fork', '--kill-child', '--mount-proc']
  const inside = [INSIDE, scratch, process.execPath, script, ...args]
  const child = spawn(SETPRIV, ['--pdeathsig', 'KILL', 'unshare', ...namespaces, ...inside], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TMPDIR: scratch },
    // Ctrl-C goes to the foreground group: who decides what it means is the owner.
    detached: true,
  })
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill)
  try {
    const exited = once(child, 'exit').catch((cause: unknown) => {
      throw new DecloudError('own-machine', 'setpriv and unshare, which make namespaces, cannot be run.', {
        hint: 'They are part of util-linux; run this as root.',
        cause,
      })
    })
    if (child.pid !== undefined) await leftovers.process(child.pid)
    if (signal.aborted) kill()
    const [code] = (await exited) as [number | null]
    return code
  } finally {
    signal.removeEventListener('abort', kill)
  }
}
