// Where a node's files lie, and who may look into them.
import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { AgentConfig } from '../../config/config.ts'
import { CREDENTIALS } from '../../config/secrets.ts'
import { AgentError } from '../../lib/errors.ts'

type Named = Pick<
  AgentConfig,
  'dataDir' | 'agentKeystore' | 'agentPasswordFile' | 'sealingKeys' | 'operatorKeystore'
>
export type Places = { readonly credentials: string } & { readonly [key in keyof Named]-?: string }

/** @param file the configuration file: credentials lie in a folder beside it, unless they are named elsewhere. */
export const placesFor = (file: string, named: Named): Places => {
  const credentials = join(dirname(resolve(file)), 'credentials')
  const at = (path: string | undefined, name: string) =>
    path === undefined ? join(credentials, name) : resolve(path)
  return {
    credentials,
    dataDir: resolve(named.dataDir),
    agentKeystore: at(named.agentKeystore, CREDENTIALS.agentKeystore),
    agentPasswordFile: at(named.agentPasswordFile, CREDENTIALS.agentPasswordFile),
    sealingKeys: at(named.sealingKeys, CREDENTIALS.sealingKeys),
    operatorKeystore: at(named.operatorKeystore, 'operator-keystore'),
  }
}

/** Keys are for their owner alone; QEMU's own user passes through the data folder to disks and seeds and cannot list it. */
const MODES = { credentials: 0o700, dataDir: 0o711 } as const

/** @throws AgentError `folder-unusable`. */
export const makeFolders = (places: Places): void => {
  openParent(places.credentials)
  for (const name of ['credentials', 'dataDir'] as const) {
    const path = places[name]
    try {
      const there = existsSync(path)
      mkdirSync(path, { recursive: true, mode: MODES[name] })
      // Whatever the umask is. A data folder that was there is the service's: only what lies open is closed.
      if (!there || name === 'credentials') chmodSync(path, MODES[name])
    } catch (cause) {
      throw unusable(path, cause)
    }
  }
}

/** The service reads the configuration beside the credentials, as another user than root. */
const openParent = (credentials: string): void => {
  try {
    mkdirSync(dirname(credentials), { recursive: true, mode: 0o755 })
  } catch (cause) {
    throw unusable(dirname(credentials), cause)
  }
}

const unusable = (path: string, cause: unknown) =>
  new AgentError('folder-unusable', `The folder ${path} cannot be made.`, {
    hint: 'Run this as a user that may (root, for /etc and /var/lib), or name other places with --config and --data-dir.',
    cause,
  })
