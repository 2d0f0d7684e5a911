// Stays connected to the addresses it was given: dials, waits until the connection ends, dials again.
import { setTimeout as delay } from 'node:timers/promises'
import { DecloudError } from '@decloud/protocol'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'

const DIAL_DEADLINE_MS = 5_000
const BACKOFF = { baseMs: 500, capMs: 10_000 }

type Connection = {
  readonly status: string
  addEventListener(type: 'close', listener: () => void, options: { once: true }): void
}
type Dial = (address: Multiaddr, options: { signal: AbortSignal }) => Promise<Connection>

/** @throws DecloudError `multiaddr-invalid`. */
export const checkAddress = (address: string): Multiaddr => {
  try {
    return multiaddr(address)
  } catch (cause) {
    throw new DecloudError('multiaddr-invalid', `"${address}" is not a libp2p address.`, {
      hint: 'Write it like /ip4/203.0.113.7/tcp/8471/p2p/12D3Koo….',
      cause,
    })
  }
}

/** Runs until `signal` aborts. Only the first of several failures in a row is reported. */
export const stayConnected = async (
  address: Multiaddr,
  dial: Dial,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> => {
  let failures = 0
  while (!signal.aborted) {
    try {
      const deadline = AbortSignal.timeout(DIAL_DEADLINE_MS)
      const connection = await dial(address, { signal: AbortSignal.any([signal, deadline]) })
      failures = 0
      await closed(connection, signal)
    } catch (cause) {
      if (signal.aborted) return
      if (failures++ === 0) onError(unreachable(address, cause))
    }
    await pause(jittered(failures), signal)
  }
}

const closed = (connection: Connection, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      signal.removeEventListener('abort', end)
      resolve()
    }
    if (connection.status !== 'open' || signal.aborted) return resolve()
    connection.addEventListener('close', end, { once: true })
    signal.addEventListener('abort', end, { once: true })
  })

// Full jitter over the cap: a keeper that comes back is not met by all its agents in the same moment.
const jittered = (failures: number) =>
  BACKOFF.baseMs + Math.random() * Math.min(BACKOFF.capMs, BACKOFF.baseMs * 2 ** Math.min(failures, 10))

const pause = (ms: number, signal: AbortSignal) =>
  delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })

const unreachable = (address: Multiaddr, cause: unknown) =>
  new DecloudError('peer-unreachable', `No peer answers at ${address.toString()}.`, {
    hint: 'It is tried again and again. Check the address, and that the other side listens there.',
    cause,
  })
