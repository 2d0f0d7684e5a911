// Every image on this node, read through and held against its checksum. None is touched.
import { join } from 'node:path'
import { sentenceOf } from '@decloud/protocol'
import { makeBuiltStore } from '../image/built-store.ts'
import { listFetched, readFetched } from '../image/fetched-folder.ts'
import { makeHasher } from '../image/hasher.ts'
import { StorageError } from '../ports/storage.ts'
import { type Finding, fail, ok, unknown, warn } from './finding.ts'
import type { Subject } from './subject.ts'

type Look = { readonly id: string; readonly look: () => Promise<unknown>; readonly todo: string }

export const checkImages = async (subject: Subject, signal: AbortSignal): Promise<Finding[]> => {
  const check = 'images'
  const { dataDir, imageDir = join(dataDir, 'images'), hypervisor } = subject.config()
  if (hypervisor === 'simulated') return [ok(check, 'not needed: guests are simulated')]
  const built = makeBuiltStore(imageDir)
  const sha256 = makeHasher()
  const looks: Look[] = [
    ...(await built.list()).map((id) => ({
      id,
      look: () => built.ensure(id),
      todo: `Delete the folder of this build in ${imageDir} and build it again.`,
    })),
    ...(await listFetched(join(dataDir, 'fetched'))).map(({ id, root }) => ({
      id,
      look: () => readFetched(root, sha256, signal),
      todo: `It is downloaded again when a lease asks for it, or now: decloud-node images fetch ${id}`,
    })),
  ]
  const findings: Finding[] = []
  let whole = 0
  // One after another: they are gigabytes, and the disk is the guests' too.
  for (const { id, look, todo } of looks) {
    if (signal.aborted) {
      findings.push(unknown(check, 'image-unread', `${id}: there was no time to read it`))
      continue
    }
    const error = await look().then(
      () => null,
      (error: unknown) => error,
    )
    if (error === null) whole += 1
    else if (error instanceof StorageError && error.code === 'image-corrupt')
      findings.push(fail(check, 'image-corrupt', error.message, todo))
    else if (!(error instanceof StorageError) || error.code !== 'image-missing')
      findings.push(unknown(check, 'image-unread', `${id}: ${sentenceOf(error)}`))
  }
  if (looks.length === 0)
    return [
      warn(
        check,
        'image-none',
        'there is none yet',
        'The first lease waits for its download: decloud-node images fetch debian-12',
      ),
    ]
  return whole > 0 ? [...findings, ok(check, `${whole} read through and as they should be`)] : findings
}
