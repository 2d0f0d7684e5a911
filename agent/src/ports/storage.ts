import type { Hex } from 'viem'
import type { Architecture, BootSpec } from './hypervisor.ts'

export type StorageErrorCode =
  | 'image-missing' // not built or fetched on this node
  | 'image-corrupt' // a file differs from the checksum it is pinned to
  | 'image-unpinned' // nobody has vouched for what the source sends: the operator has to pin it
  | 'image-unreachable' // no mirror gave the whole file; retried later
  | 'image-unsafe' // the file would make QEMU open other files, or is no image at all
  | 'image-foreign' // for another architecture than this node runs
  | 'no-space'
  | 'interrupted' // the caller's signal
  | 'disk-missing'
  | 'disk-exists'
  | 'disk-corrupt'
  | 'too-small' // the disk asked for is smaller than its base image
  | 'refused' // the step would destroy what must be kept
  | 'invalid' // the request itself is malformed
  | 'io' // the operating system or a tool failed; see `cause`

export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode

  constructor(code: StorageErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
  }
}

/** A base image whose files all matched their manifest when `ensure` returned. */
export interface VerifiedImage {
  readonly id: string
  readonly arch: Architecture
  /** qcow2, read-only, shared by every overlay. */
  readonly diskPath: string
  readonly diskSha256: string
  readonly virtualSizeBytes: number
  readonly boot: BootSpec
}

export interface ImageProgress {
  readonly doing: 'waiting' | 'downloading' | 'verifying' | 'converting'
  readonly doneBytes: number
  /** null until the source has said how long it is. */
  readonly totalBytes: number | null
}

export interface EnsureOptions {
  /** Ends this caller's wait; a download goes on for the others who wait, and stops soon after the last has left. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ImageProgress) => void
}

export interface ImageStore {
  /** The ids present on this node, verified or not. */
  list(): Promise<readonly string[]>
  /** Fetches what is not here yet. Rejects with one of the image codes; a corrupt image is never handed out. */
  ensure(imageId: string, options?: EnsureOptions): Promise<VerifiedImage>
  /**
   * The very build that a disk stands on, by the path in the disk's own header: the image of that name may be another by
   * now, and a disk on another base is no disk. Rejects like `ensure`.
   */
  standingOn(basePath: string, options?: EnsureOptions): Promise<VerifiedImage>
  /** Frees up to `bytes` by forgetting images that no disk stands on, the longest unused first. Resolves to bytes freed. */
  collect(bytes: number): Promise<number>
}

export interface DiskRecord {
  readonly leaseId: Hex
  readonly path: string
  /** Unix seconds, and unlike that of any other disk of the lease; null while the disk is in use. */
  readonly quarantinedAt: number | null
  /** Of a quarantined disk: what `quarantine` was told of the installation on it; else 0. */
  readonly install: number
}

export interface Adoption {
  readonly from: Hex
  /** Which of the quarantined disks of `from`. */
  readonly quarantinedAt: number
  readonly to: Hex
  /** The disk is grown to this size, and never made smaller. */
  readonly sizeGiB: number
}

/** Overlay disks of leases. Each step is atomic: after a crash it has happened or it has not. */
export interface DiskStore {
  list(): Promise<readonly DiskRecord[]>
  /** Path of the base that the lease's disk in use stands on; null if there is no such disk, or it stands by itself. */
  baseOf(leaseId: Hex): Promise<string | null>
  /**
   * A copy-on-write overlay of `sizeGiB` on a verified base; resolves to its path. An overlay that is already
   * there with this base and size is kept as it is; with another base or size the call rejects with disk-exists,
   * as it does when a disk of the lease is in quarantine, unless it is to be made `beside` that.
   */
  createOverlay(leaseId: Hex, image: VerifiedImage, sizeGiB: number, beside?: boolean): Promise<string>
  /**
   * Sets the disk aside, contents kept, stamped `at` (Unix seconds) or the next free second. No error if it already is
   * in quarantine.
   * @param install which installation is on it, to be given back by `list`; 0 for the lease's first.
   */
  quarantine(leaseId: Hex, at: number, install?: number): Promise<void>
  /** Takes the quarantined disk with this stamp, by default the newest, back into use; resolves to its path. */
  restore(leaseId: Hex, quarantinedAt?: number): Promise<string>
  /**
   * Takes a quarantined disk into use under another lease; resolves to its path. Rejects with disk-exists when that one
   * has a disk in use, disk-missing when there is none such to take. It goes on standing on the base it has.
   */
  adopt(adoption: Adoption): Promise<string>
  /** Deletes the lease's quarantined disks stamped at or before `notAfter`. refused while its disk is in use. */
  purge(leaseId: Hex, notAfter: number): Promise<void>
}

/** The three files of cloud-init's NoCloud source. They hold keys and password hashes. */
export interface SeedFiles {
  readonly userData: string
  readonly metaData: string
  readonly networkConfig: string
}

export interface SeedStore {
  list(): Promise<readonly Hex[]>
  /** Replaces an earlier seed of the lease; resolves to the path of the ISO, mode 0600. */
  write(leaseId: Hex, files: SeedFiles): Promise<string>
  /** No error if there is none. */
  remove(leaseId: Hex): Promise<void>
}
