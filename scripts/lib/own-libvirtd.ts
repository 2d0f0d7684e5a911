// libvirtd as a service manager keeps it, on an own machine: killed, it comes back.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { until } from './until.ts'

const exec = promisify(execFile)
export const run = async (command: string, ...args: string[]): Promise<string> =>
  (await exec(command, args, { timeout: 20_000, maxBuffer: 1 << 24 })).stdout
export const virsh = (...args: string[]) => run('virsh', '-q', '-c', 'qemu:///system', ...args)

const ANSWERS_WITHIN_MS = 20_000

const startDaemon = (name: 'virtlogd' | 'libvirtd'): ChildProcess =>
  spawn(`/usr/sbin/${name}`, [], { stdio: 'ignore' })

export type Libvirtd = {
  /** `kill -9`; another one is started as soon as it is gone. Resolves when that answers. */
  kill(): Promise<void>
}

export const startLibvirtd = async (): Promise<Libvirtd> => {
  startDaemon('virtlogd')
  let daemon = startDaemon('libvirtd')
  const answers = () =>
    until(
      () =>
        virsh('uri').then(
          () => true,
          () => false,
        ), // not listening yet: asked again
      ANSWERS_WITHIN_MS,
      'libvirtd does not answer: see /var/log/libvirt',
    )
  await answers()
  return {
    kill: async () => {
      const exited = once(daemon, 'exit')
      daemon.kill('SIGKILL')
      await exited
      daemon = startDaemon('libvirtd')
      await answers()
    },
  }
}
