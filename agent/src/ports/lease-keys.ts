import type { Hex } from 'viem'

export interface KeyPair {
  /** `ssh-ed25519 AAAA…`, without comment. */
  readonly publicKey: string
  /** OpenSSH's own private key format, unencrypted. */
  readonly privateKey: string
}

/** What one lease has of its own, from its first seed until its disk is purged. */
export interface LeaseKeys {
  /** Signs the certificates that enter the guest; the guest trusts no other for that. */
  readonly authority: KeyPair
  /** The guest's SSH host key: the same after every reinstall, and known before the first login. */
  readonly host: KeyPair
  /** With it the agent itself enters the guest, for the browser terminal and for files. */
  readonly login: KeyPair
}

/** Every method rejects with StorageError. */
export interface LeaseKeyStore {
  list(): Promise<readonly Hex[]>
  /** Those that are there; else they are made, and on disk, whole, when this resolves. */
  ensure(leaseId: Hex): Promise<LeaseKeys>
  /** null when there are none. */
  of(leaseId: Hex): Promise<LeaseKeys | null>
  /** For good. No error if there are none. */
  remove(leaseId: Hex): Promise<void>
}
