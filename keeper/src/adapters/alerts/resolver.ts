import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'

/** @returns every address of a host; none where nobody knows it, or `signal` aborts first. */
export type Resolve = (host: string, signal: AbortSignal) => Promise<readonly string[]>

/**
 * Asks name servers itself. The machine's resolver runs on four threads that everything else shares, the keeper's own
 * look-ups among it: a stranger's name whose server never answers would hold one of them for half a minute.
 * @param options `servers` as `address:port`; the machine's by default.
 */
export const makeResolve =
  ({ servers }: { servers?: readonly string[] } = {}): Resolve =>
  async (host, signal) => {
    if (isIP(host) !== 0) return [host]
    const resolver = new Resolver({ timeout: 2_000, tries: 2 })
    if (servers !== undefined) resolver.setServers(servers)
    const stop = () => resolver.cancel()
    signal.addEventListener('abort', stop, { once: true })
    try {
      const kinds = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
      return kinds.flatMap((kind) => (kind.status === 'fulfilled' ? kind.value : []))
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
