import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Hex } from 'viem'
import { makeDiskStore } from '../../agent/src/disk/disk-store.ts'
import { makeSeedStore } from '../../agent/src/disk/seed-store.ts'
import { seedFiles } from '../../agent/src/guest/seed.ts'
import { openLibvirt } from '../../agent/src/hypervisor/libvirt/driver.ts'
import { macOf } from '../../agent/src/hypervisor/mac.ts'
import { makeBuiltStore } from '../../agent/src/image/built-store.ts'
import type { DomainSpec, NetworkSpec } from '../../agent/src/ports/hypervisor.ts'
import { buildImage } from '../../scripts/lib/images.ts'
import { libvirtUp } from '../../scripts/lib/libvirt-up.ts'

export const run = promisify(execFile)

export async function hostInterfaces(): Promise<readonly string[]> {
  const { stdout } = await run('ip', ['-j', 'link'])
  return (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname)
}

/** The bridge of a network and the taps on it: other guests on the machine come and go, these are the test's own. */
export async function bridgeAndTaps(network: string): Promise<readonly string[]> {
  const { stdout } = await run('virsh', ['-c', 'qemu:///system', 'net-info', network])
  const bridge = /^Bridge:\s+(\S+)/m.exec(stdout)?.[1] ?? ''
  const { stdout: links } = await run('ip', ['-j', 'link', 'show', 'master', bridge])
  return [bridge, ...(JSON.parse(links) as { ifname: string }[]).map(({ ifname }) => ifname)]
}

/** The address that the network's DHCP keeps for the MAC; null if it keeps none. */
export async function reservedAddress(network: string, mac: string): Promise<string | null> {
  const { stdout } = await run('virsh', ['-c', 'qemu:///system', 'net-dumpxml', network])
  return new RegExp(`<host mac='${mac}' ip='([^']+)'`).exec(stdout)?.[1] ?? null
}

export async function domainsNamed(part: string): Promise<readonly string[]> {
  const { stdout } = await run('virsh', ['-q', '-c', 'qemu:///system', 'list', '--all', '--name'])
  return stdout.split('\n').filter((name) => name.includes(part))
}

/** A machine of its own for one test: instance, network and directories that no other run shares. */
export async function testMachine(imageId: 'debian-12' | 'tiny' | 'tiny-arm64') {
  const images = makeBuiltStore(await buildImage(imageId))
  const daemons = await libvirtUp()
  const seed = randomBytes(4)
  const instance = `t${seed.toString('hex')}`
  const directory = await mkdtemp(join(tmpdir(), 'decloud-kvm-'))
  // QEMU's user must reach the disks; mkdtemp leaves 0700.
  await chmod(directory, 0o711)
  const disks = makeDiskStore(join(directory, 'disks'))
  const seeds = makeSeedStore(join(directory, 'seeds'))
  const network: NetworkSpec = {
    name: `decloud-${instance}`,
    subnet: `10.${100 + (seed[0]! % 100)}.${seed[1]!}.0/24`,
    mode: 'isolated',
  }
  const foreignGuests = imageId === 'tiny-arm64'
  const open = () => openLibvirt({ uri: 'qemu:///system', instance, acceleration: 'auto', foreignGuests })
  const hypervisor = await open()
  await hypervisor.ensureNetwork(network)

  /** Disk and seed in place, nothing defined. */
  async function specOf(leaseId: Hex, sshKey: string): Promise<DomainSpec> {
    const image = await images.ensure(imageId)
    const mac = macOf(instance, leaseId)
    const config = {
      instanceId: leaseId,
      hostname: 'guest',
      sshKeys: [sshKey],
      variables: { GREETING: "it's on" },
      mac,
    }
    return {
      leaseId,
      generation: 1,
      specHash: '0x01',
      vcpus: imageId === 'debian-12' ? 2 : 1,
      memoryMiB: imageId === 'debian-12' ? 1024 : 256,
      diskPath: await disks.createOverlay(leaseId, image, 3),
      baseDiskPath: image.diskPath,
      seedPath: await seeds.write(leaseId, seedFiles({ ...config, passwordHash: null })),
      boot: image.boot,
      arch: image.arch,
      network: { name: network.name, mac },
    }
  }

  async function tearDown(): Promise<void> {
    for (const { leaseId } of await hypervisor.list()) {
      await hypervisor.destroy(leaseId)
      await hypervisor.undefine(leaseId)
    }
    await hypervisor.removeNetwork(network.name)
    await hypervisor.close()
    await rm(directory, { recursive: true, force: true })
    await daemons.stop()
  }

  return { hypervisor, open, instance, network, images, disks, seeds, directory, specOf, tearDown }
}
