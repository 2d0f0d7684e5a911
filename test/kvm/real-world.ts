// A world with real guests on the tiny image and a tenant in it, for the tests of one file.
import { afterAll, beforeAll } from 'vitest'
import { type Key, makeKey } from '../../scripts/lib/guest-shell.ts'
import { buildImage } from '../../scripts/lib/images.ts'
import { type Leftovers, startReaper } from '../../scripts/lib/leftovers.ts'
import { libvirtMissing, libvirtUp } from '../../scripts/lib/libvirt-up.ts'
import { makeTenant, type Tenant } from '../../scripts/lib/tenant.ts'
import { ROLES } from '../world/market.ts'
import { startWorld, type World } from '../world/world.ts'

export type RealWorld = {
  world: World
  tenant: Tenant
  /** The tenant's SSH key. */
  key: Key
  /** Of the one node's agent. */
  endpoint: string
}

/**
 * Registers the hooks that make it and take it down.
 * @param what the file shows, for the line that says it was skipped.
 * @param imagesOf another folder of images than that of the tiny one that is given; it is removed in the end.
 */
export const useRealWorld = async (
  what: string,
  imagesOf?: (tiny: string) => Promise<string>,
): Promise<{ missing: string | null; real(): RealWorld }> => {
  const missing = await libvirtMissing()
  if (missing) console.warn(`SKIPPED: ${what}: ${missing}`)
  let leftovers: Leftovers | undefined
  let made: RealWorld | undefined

  beforeAll(async () => {
    if (missing) return
    leftovers = await startReaper()
    const tiny = await buildImage('tiny', { leftovers })
    const imageDir = (await imagesOf?.(tiny)) ?? tiny
    if (imageDir !== tiny) leftovers.add({ kind: 'directory', path: imageDir })
    await libvirtUp(leftovers)
    const world = await startWorld({ hypervisor: 'libvirt', imageDir, leftovers })
    const account = world.anvil.account(ROLES.tenant)
    const tenant = await makeTenant({ rpcUrls: [world.anvil.rpcUrl], deployment: world.deployment, account })
    made = { world, tenant, key: await makeKey(world.directory), endpoint: world.nodes[0]!.agent().url }
  }, 600_000)

  afterAll(async () => {
    await made?.tenant.close()
    await made?.world.close()
    await leftovers?.reap()
  }, 120_000)

  return { missing, real: () => made! }
}
