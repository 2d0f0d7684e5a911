// The names under which the API answers, and the pages that may use it.
import type { AgentConfig } from '../config/config.ts'

/** Pages of the same machine, at any port. */
const LOOPBACK_PAGES = ['localhost:*', '127.0.0.1:*', '[::1]:*']
const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

export type Names = ReturnType<typeof makeNames>

export const makeNames = (config: Pick<AgentConfig, 'apiHost' | 'apiPublicUrl' | 'apiPages'>) => {
  const { apiHost, apiPublicUrl, apiPages = [] } = config
  // An address is nobody's to rebind.
  const own = apiHost === undefined ? null : apiHost.includes(':') ? `[${apiHost}]` : apiHost
  const publicHost = apiPublicUrl === undefined ? null : new URL(apiPublicUrl).host
  const pages = [...LOOPBACK_PAGES, ...(publicHost === null ? [] : [publicHost]), ...apiPages]
  let listening = ''
  return {
    /** Told once the API listens. */
    listensAt: (url: string): void => {
      listening = url
    },
    /** What a sign-in message is for. */
    uri: (): string => apiPublicUrl ?? listening,
    pages: (): readonly string[] => pages,
    /** A page whose name was rebound to this machine sends its own name as Host. */
    answersTo: (host: string | undefined): boolean => {
      if (host === undefined) return false
      const name = host.replace(/:\d{1,5}$/, '')
      return host === publicHost || name === own || LOOPBACK_NAMES.has(name)
    },
    /** @param origin the header, null where there is none: then no page asks. */
    mayAsk: (origin: string | null): boolean => {
      if (origin === null) return true
      const host = /^https?:\/\/([^/]+)$/.exec(origin)?.[1]
      if (host === undefined) return false
      const name = host.replace(/:\d{1,5}$/, '')
      return pages.some((page) => page === host || page === `${name}:*`)
    },
  }
}
