import type { LeaseView, Manifest } from '@decloud/protocol'
import type { GuestAccess, GuestConfig } from '../ports/guest.ts'

/** The one user that every guest is set up with. */
export const GUEST_USER = 'decloud'
export const SSH_PORT = 22

/** What a guest is told: the tenant's manifest, and what only the node knows, which a manifest cannot override. */
export const guestConfig = (
  lease: Pick<LeaseView, 'leaseId' | 'tenant' | 'node' | 'terms'>,
  manifest: Manifest,
  host: { mac: string; install: number; access: GuestAccess },
): GuestConfig => ({
  // cloud-init does its first-boot work once for each of these: an installation anew is a new instance.
  instanceId: host.install === 0 ? lease.leaseId : `${lease.leaseId}-${host.install.toString(36)}`,
  hostname: manifest.hostname,
  userName: GUEST_USER,
  sshKeys: manifest.sshKeys,
  passwordHash: manifest.passwordHash,
  variables: {
    ...manifest.variables,
    DECLOUD_VM_ID: lease.leaseId,
    DECLOUD_VM_NAME: manifest.hostname,
    DECLOUD_OWNER: lease.tenant,
    DECLOUD_CPU_CORES: String(lease.terms.vcpus),
    DECLOUD_MEMORY_MB: String(lease.terms.memoryMiB),
    DECLOUD_DISK_GB: String(lease.terms.diskGiB),
    DECLOUD_NODE_ID: String(lease.node),
  },
  mac: host.mac,
  access: host.access,
})
