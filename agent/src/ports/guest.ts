/** Who may enter besides the keys of the manifest, and by what the guest is known. */
export interface GuestAccess {
  /** The guest's SSH host key; without it the guest makes its own. */
  readonly hostKey: { readonly publicKey: string; readonly privateKey: string }
  /** Public half of the key whose certificates enter the guest, and the one name they have to be made out to. */
  readonly userAuthority: string
  readonly principal: string
  /** The node's own key, taken from `nodeAddress` alone. */
  readonly nodeKey: string
  readonly nodeAddress: string
}

/** What the tenant's manifest and the node put into a guest. Every string is data: none is ever interpolated. */
export interface GuestConfig {
  /** Stable for the life of the lease: cloud-init runs its first-boot work once for each instance id. */
  readonly instanceId: string
  readonly hostname: string
  /** Default `decloud`. */
  readonly userName?: string
  /** OpenSSH public key lines. */
  readonly sshKeys: readonly string[]
  /** crypt(3) SHA-512 hash (`$6$…`); null locks password login. */
  readonly passwordHash: string | null
  /** Written to /etc/decloud/env as KEY='value' lines, mode 0600. */
  readonly variables: Readonly<Record<string, string>>
  readonly mac: string
  readonly access?: GuestAccess
}

export interface GuestFacts {
  readonly bootId: string
  /** The address on the lease's own interface, as the guest reports it. */
  readonly ipv4: string
  /** `ssh-ed25519 AAAA…`, without comment. */
  readonly sshHostKey: string
  /** 32 bytes, 0x-prefixed: SHA-256 over the key blob, what `ssh-keygen -l` prints in base64. */
  readonly sshHostKeyFingerprint: `0x${string}`
}

/** One reading of the System check. `pending` says what is awaited; `failed` is final for this boot. */
export type SystemCheck =
  | { readonly state: 'pending'; readonly reason: string }
  | { readonly state: 'failed'; readonly reason: string }
  | { readonly state: 'ready'; readonly facts: GuestFacts }
