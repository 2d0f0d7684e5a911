import type { KeeperConfig } from './config.ts'

/** Pages on the same machine, at any port: for a keeper that nobody gave a public name. */
const LOOPBACK = ['localhost:*', '127.0.0.1:*', '[::1]:*']

/** @param listening the URL that the API answers at, once it does. */
export const signInNames = ({ api }: Pick<KeeperConfig, 'api'>, listening: () => string) => {
  const uri = () => api.publicUrl ?? listening()
  const domains =
    api.signInDomains.length > 0
      ? api.signInDomains
      : api.publicUrl === undefined
        ? LOOPBACK
        : [new URL(api.publicUrl).host]
  return { uri, domains: () => domains }
}
