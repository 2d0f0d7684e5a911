// The image stores as the configuration wants them: for the agent and for `decloud-node images` alike.
import { join } from 'node:path'
import type { ImageConfig } from './config/config.ts'
import { hostArchitecture } from './hypervisor/architecture.ts'
import { makeBuiltStore } from './image/built-store.ts'
import { loadCatalogue } from './image/catalogue.ts'
import { DOWNLOAD_LIMITS } from './image/download.ts'
import { makeFetchedStore } from './image/fetched-store.ts'
import { makeImageStore } from './image/image-store.ts'
import type { HypervisorCapabilities } from './ports/hypervisor.ts'

const GRACE_MS = 60 * 60_000
/** More than the longest pause between two looks of a lease that waits. */
const LINGER_MS = 90_000

/** Opens nothing but what `close` ends: downloads under way. */
export const openImages = (
  config: ImageConfig,
  { arch, guestArchs }: Pick<HypervisorCapabilities, 'arch' | 'guestArchs'> = ownArchitecture(),
) => {
  const operatorFile = config.imageCatalogue ?? join(config.dataDir, 'catalogue.json')
  const built = makeBuiltStore(config.imageDir ?? join(config.dataDir, 'images'))
  // In the data folder, never in the shared one: whether a disk stands on an image is known of this node's disks only.
  const fetched = makeFetchedStore({
    folder: join(config.dataDir, 'fetched'),
    diskFolder: join(config.dataDir, 'disks'),
    limits: DOWNLOAD_LIMITS,
    graceMs: GRACE_MS,
    lingerMs: LINGER_MS,
    nowMs: Date.now,
    random: Math.random,
  })
  const catalogue = () => loadCatalogue(operatorFile)
  const store = makeImageStore({ built, fetched, catalogue, operatorFile, arch, guestArchs })
  return { store, built, fetched, catalogue, operatorFile, arch, close: () => fetched.close() }
}

const ownArchitecture = () => ({ arch: hostArchitecture(), guestArchs: [hostArchitecture()] })
