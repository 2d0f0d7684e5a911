// What no key says by itself: rules between keys. Each is about values that are well-formed; the others are named anyway.
import type { ConfigIssue } from '@decloud/service/config'
import { type AgentConfig, configSchema, DEVELOPMENT_CHAIN } from './schema.ts'

/** @param raw as a file would hold it. */
export const rulesBroken = (raw: Readonly<Record<string, unknown>>): ConfigIssue[] => {
  const config = wellFormed(raw)
  const between = [simulated(config), foreign(config), exposed(config)].filter((issue) => issue !== null)
  return [...bareKeys(raw, ''), ...between]
}

/** A configuration is shown, copied and backed up: a key in it is no secret any more, whatever it is for. */
const bareKeys = (value: unknown, at: string): ConfigIssue[] => {
  if (typeof value === 'string') {
    return /^(0x)?[0-9a-fA-F]{64}$/.test(value.trim())
      ? [{ at, sentence: 'looks like a private key, and keys stand in keystores: name its file instead.' }]
      : []
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => bareKeys(inner, at === '' ? key : `${at}.${key}`))
}

type Some = Partial<AgentConfig>

const wellFormed = (raw: Readonly<Record<string, unknown>>): Some =>
  Object.fromEntries(
    Object.entries(configSchema.shape).flatMap(([key, schema]) => {
      const parsed = schema.safeParse(raw[key])
      return parsed.success && parsed.data !== undefined ? [[key, parsed.data]] : []
    }),
  )

const isReal = ({ deployment }: Some): boolean =>
  deployment !== undefined && deployment.chainId !== DEVELOPMENT_CHAIN

const simulated = (config: Some): ConfigIssue | null =>
  config.hypervisor === 'simulated' && isReal(config)
    ? {
        at: 'hypervisor',
        sentence: `(DECLOUD_HYPERVISOR) cannot be simulated on chain ${config.deployment?.chainId}: guests that do not exist would be billed.`,
      }
    : null

const foreign = (config: Some): ConfigIssue | null =>
  config.foreignGuests === 'emulate' && isReal(config)
    ? {
        at: 'foreignGuests',
        sentence: `(DECLOUD_FOREIGN_GUESTS) cannot be emulate on chain ${config.deployment?.chainId}: a tenant would pay for a fraction of what he leased.`,
      }
    : null

/** Outside of this machine a token has to travel under a name that a wallet can sign in to, and not in the clear. */
const exposed = (config: Some): ConfigIssue | null => {
  const { apiHost, apiPublicUrl } = config
  if (apiHost === undefined || isLoopback(apiHost)) return null
  if (apiPublicUrl === undefined) {
    return {
      at: 'apiHost',
      sentence: `(DECLOUD_API_HOST) is ${apiHost}, which others can reach: then apiPublicUrl (DECLOUD_API_PUBLIC_URL) has to say under which URL, because that is what wallets sign in to.`,
    }
  }
  if (!isReal(config) || apiPublicUrl.startsWith('https:')) return null
  return {
    at: 'apiPublicUrl',
    sentence: `(DECLOUD_API_PUBLIC_URL) has to be https where apiHost is not loopback: over ${apiPublicUrl} tokens would travel in the clear.`,
  }
}

const isLoopback = (host: string): boolean => host === '::1' || /^127\./.test(host)
