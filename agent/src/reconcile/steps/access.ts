// Whom a running guest lets in, after its tenant has posted another manifest; and once after each installation.
import { DecloudError, type Manifest, sentenceOf } from '@decloud/protocol'
import { GUEST_USER } from '../../domain/guest-config.ts'
import { accessOf } from '../../ssh/access.ts'
import { withoutComment } from '../../ssh/public-key.ts'
import type { Executors, StepContext } from './context.ts'
import { writeSeed } from './provision.ts'
import { recordOf } from './records.ts'

/** Between attempts on a guest that does not answer: the tenant's own to mend. */
const SILENT_MS = 15_000

export const access: Executors<'UpdateAccess'> = {
  UpdateAccess: async (context) => {
    const { deps, lease } = context
    const before = recordOf(context).manifestSeen
    const manifestHash = deps.manifestHash(lease)
    const manifest = await openNew(context)
    if (manifest === null) {
      deps.store.put({ ...recordOf(context), manifestSeen: manifestHash, reason: UNOPENED })
      return undefined
    }
    // What is started or set up from here on agrees with the guest.
    await writeSeed(context)
    const keys = await deps.keys.ensure(lease.leaseId)
    const problem = await deps.guest.updateAccess(lease.leaseId, {
      userName: GUEST_USER,
      sshKeys: manifest.sshKeys.map(withoutComment),
      passwordHash: manifest.passwordHash,
      access: accessOf(lease.leaseId, keys, deps.guest.nodeAddress),
    })
    if (problem !== null) {
      deps.log.info({ leaseId: lease.leaseId, problem }, 'the guest does not follow the newest manifest yet')
      return { waitMs: SILENT_MS }
    }
    const vm = recordOf(context)
    const reason = vm.reason?.code === UNOPENED.code ? null : vm.reason
    deps.store.put({ ...vm, manifestSeen: manifestHash, reason })
    if (before === null) return undefined
    const message = 'The guest lets in whom the newest manifest of its tenant names.'
    deps.events.record({
      ...{ kind: 'ssh.keys-changed', leaseId: lease.leaseId, by: lease.tenant, message },
      details: { keys: manifest.sshKeys.length, methods: methodsOf(manifest) },
    })
    return undefined
  },
}

const methodsOf = ({ passwordHash }: Manifest) => (passwordHash === null ? ['key'] : ['key', 'password'])

const UNOPENED = {
  code: 'manifest-unopened',
  message:
    'The newest manifest of this lease cannot be opened here; the guest goes on letting in whom the one before names. Post one that is sealed to the present key of the node.',
}

/** null when it will never open here: only a newer one helps. */
const openNew = async ({ deps, lease }: StepContext): Promise<Manifest | null> => {
  try {
    return await deps.openManifest(lease)
  } catch (error) {
    if (!(error instanceof DecloudError) || !error.code.startsWith('manifest-')) throw error
    const { leaseId, tenant: by } = lease
    const details = { code: error.code, why: sentenceOf(error) }
    deps.events.record({ kind: 'ssh.manifest-unopened', leaseId, by, message: UNOPENED.message, details })
    return null
  }
}
