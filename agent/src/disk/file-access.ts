// How QEMU, which runs as a user of its own, comes to the files of its guests.
import { statSync } from 'node:fs'
import { AgentError } from '../lib/errors.ts'

/**
 * `relabelled`: libvirt gives each file to QEMU's user while the guest runs. Root can still read it; nobody else could,
 * not even the agent that made it. `shared`: the files stay the agent's, in a group that QEMU belongs to.
 */
export type FileAccess = 'relabelled' | 'shared'

export const fileAccessOf = (uid = process.getuid?.() ?? 0): FileAccess =>
  uid === 0 ? 'relabelled' : 'shared'

export const FILE_MODES = {
  relabelled: { disk: 0o600, seed: 0o600 },
  shared: { disk: 0o660, seed: 0o640 },
} as const satisfies Record<FileAccess, { disk: number; seed: number }>

const SET_GROUP = 0o2000

/**
 * Shared files need a data folder that hands its group on to all that is made in it: an agent without root can give
 * nothing away. @throws AgentError `data-dir-group`.
 */
export const checkFileAccess = (access: FileAccess, dataDir: string): void => {
  if (access === 'relabelled' || (statSync(dataDir).mode & SET_GROUP) !== 0) return
  throw new AgentError(
    'data-dir-group',
    `QEMU could not open the disks in ${dataDir}: this agent is not root, and the folder does not hand on QEMU's group.`,
    {
      hint: `As root, once: chgrp libvirt-qemu ${dataDir} && chmod 2710 ${dataDir} (the installer does so).`,
    },
  )
}
