// Sessions with nodes, for as long as this tab lives: a reload keeps them, another tab asks the wallet itself.
import { type ApiSession, sessionSchema } from '@decloud/protocol/wire/session'
import type { Address } from 'viem'
import type { WebConfig } from '../../data/config.ts'

const PREFIX = 'decloud.node-session'

export const sessionKey = (
  { chainId, leaseEscrow }: Pick<WebConfig, 'chainId' | 'leaseEscrow'>,
  node: number,
  address: Address,
): string => [PREFIX, chainId, leaseEscrow, node, address].join('.').toLowerCase()

const known = new Map<string, ApiSession | null>()
const listeners = new Set<() => void>()

/** The same object until it changes. */
export const readSession = (key: string): ApiSession | null => {
  const held = known.get(key)
  if (held !== undefined) return held
  const session = decode(sessionStorage.getItem(key))
  known.set(key, session)
  return session
}

const decode = (text: string | null): ApiSession | null => {
  if (text === null) return null
  try {
    return sessionSchema.parse(JSON.parse(text))
  } catch {
    return null // of an older version, or another program's
  }
}

export const writeSession = (key: string, session: ApiSession | null): void => {
  known.set(key, session)
  if (session === null) sessionStorage.removeItem(key)
  else sessionStorage.setItem(key, JSON.stringify(session))
  for (const listener of [...listeners]) listener()
}

export const onSessions = (listener: () => void) => {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}
