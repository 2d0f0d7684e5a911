// A guest that does not set itself up is never billed: a real one, whose init finds a disk that it cannot mount.
import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { erc20Abi } from 'viem'
import { expect, test } from 'vitest'
import { imageManifest } from '../../agent/src/image/manifest.ts'
import { closeLease, openLease, readLease } from '../../scripts/lib/tenant.ts'
import { reportOf, waitActive } from '../../scripts/lib/tenant-view.ts'
import { run } from './machine.ts'
import { type RealWorld, useRealWorld } from './real-world.ts'

const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDCrFn2oZjmbMZ2CEdZHGVZIX1V2r7pP3NJIJg9HjGq3 me@host'

/** The tiny image with an empty disk in the place of its own, named and hashed as a good one. */
const brokenImage = async (good: string): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'decloud-broken-'))
  const [from, to] = [join(good, 'tiny', 'current'), join(directory, 'tiny', 'build')]
  await mkdir(to, { recursive: true })
  for (const path of [directory, join(directory, 'tiny'), to]) await chmod(path, 0o755)
  await symlink('build', join(directory, 'tiny', 'current'))
  const manifest = imageManifest.parse(JSON.parse(await readFile(join(from, 'manifest.json'), 'utf8')))
  const { disk, kernel, initrd } = manifest.files
  for (const { file } of [kernel, initrd]) await copyFile(join(from, file), join(to, file))
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', join(to, disk.file), '64M'])
  await chmod(join(to, disk.file), 0o444)
  const sha256 = createHash('sha256')
    .update(await readFile(join(to, disk.file)))
    .digest('hex')
  const files = { kernel, initrd, disk: { ...disk, sha256 } }
  await writeFile(join(to, 'manifest.json'), JSON.stringify({ ...manifest, files }))
  return directory
}

const { missing, real } = await useRealWorld('the readiness of real guests', brokenImage)

const funds = ({ world, tenant }: RealWorld) =>
  world.anvil.client.readContract({
    address: world.deployment.usdc,
    abi: erc20Abi,
    functionName: 'balanceOf',
    args: [tenant.account.address],
  })

test.skipIf(missing)(
  'a guest that fails to set itself up is shown as failed, never activated, and costs nothing',
  { timeout: 400_000 },
  async () => {
    const { world, tenant, endpoint } = real()
    const before = await funds(real())
    const { leaseId } = await openLease(tenant, {
      node: world.nodes[0]!.registered.node,
      resources: { vcpus: 1, tier: 1, bandwidth: 3, gpus: 0, memoryMiB: 256, diskGiB: 1 },
      hours: 1,
      manifest: {
        version: 1,
        image: 'tiny',
        hostname: 'broken',
        sshKeys: [SSH_KEY],
        passwordHash: null,
        variables: {},
      },
    })
    expect(await funds(real())).toBeLessThan(before)
    await expect(waitActive(tenant, leaseId, { endpoint })).rejects.toMatchObject({
      code: 'lease-refused',
      message: expect.stringContaining('cannot mount /dev/vda'),
    })
    const report = await reportOf(tenant, endpoint, leaseId)
    expect(report?.vm).toMatchObject({ status: 'Error', reason: { code: 'guest-failed' } })
    expect(report?.readiness).toContainEqual(expect.objectContaining({ name: 'System', state: 'Failed' }))
    expect(await readLease(tenant, leaseId)).toMatchObject({ status: 'Assigned', startedAt: 0 })
    await closeLease(tenant, leaseId)
    expect(await funds(real()), 'the whole deposit is back').toBe(before)
  },
)
