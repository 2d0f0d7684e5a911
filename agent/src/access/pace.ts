// How fast anybody may ask. Who proves who they are has an allowance of their own: on loopback everybody comes from one
// address, and a stranger must not use up what a tenant needs.
import { callerOf, makeBuckets, type Taken } from '@decloud/service/http'
import { AgentError } from '../lib/errors.ts'

export type PaceLimits = {
  /** Requests of one network a minute, before anything of them is looked at. */
  perNetwork: number
  /** Of one wallet or the operator. */
  perWallet: number
  /** Nonces and sign-ins of one network. */
  signIns: number
  /** What one network may be refused before it is only told to wait. */
  refusals: number
}

export const PACE_LIMITS: PaceLimits = { perNetwork: 6_000, perWallet: 600, signIns: 120, refusals: 240 }

export type Pace = ReturnType<typeof makePace>

export const makePace = (limits: PaceLimits = PACE_LIMITS) => {
  const networks = makeBuckets({ perMinute: limits.perNetwork })
  const wallets = makeBuckets({ perMinute: limits.perWallet })
  const signIns = makeBuckets({ perMinute: limits.signIns })
  const refusals = makeBuckets({ perMinute: limits.refusals })
  const orThrow = ({ granted, seconds }: Taken) => {
    if (!granted) throw tooFast(seconds)
  }
  return {
    /** @throws AgentError `rate-limited`; so do the next two. */
    request: (ip: string): void => orThrow(networks.take(callerOf(ip))),
    wallet: (address: string): void => orThrow(wallets.take(address)),
    signIn: (ip: string): void => orThrow(signIns.take(callerOf(ip))),
    /** @returns what to tell instead of the refusal, once there were too many. */
    refused: (ip: string): AgentError | null => {
      const { granted, seconds } = refusals.take(callerOf(ip))
      return granted ? null : tooFast(seconds)
    },
  }
}

const tooFast = (seconds: number) =>
  new AgentError('rate-limited', `Too many requests: wait ${seconds} s.`, {
    details: { retryAfterSeconds: seconds },
  })
