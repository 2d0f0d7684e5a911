// How the agent itself enters a guest, for what it does there in a tenant's name.
import type { Hex } from 'viem'

export type GuestLogin = {
  readonly host: string
  readonly port: number
  readonly username: string
  /** OpenSSH's own format, unencrypted. */
  readonly privateKey: string
  /** `ssh-ed25519 AAAA…`: the one host key that is accepted. */
  readonly hostKey: string
}

/** Rejects with AgentError when the lease has no guest that can be entered now. */
export type EnterGuest = (leaseId: Hex) => Promise<GuestLogin>
