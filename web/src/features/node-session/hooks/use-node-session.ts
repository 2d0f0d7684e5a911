import { useMutation } from '@tanstack/react-query'
import { useMemo, useSyncExternalStore } from 'react'
import { explain } from '../../../data/errors.ts'
import { type Runtime, useRuntime } from '../../../data/runtime.tsx'
import { useWallet } from '../../wallet/index.ts'
import { type NodeClient, nodeClient, signIn } from '../client.ts'
import { onSessions, readSession, sessionKey } from '../store.ts'

export type NodeSession = {
  /** Signed in, and to be asked; null while not. */
  client: NodeClient | null
  /** Why the last attempt failed. */
  failure: string | null
  /** The wallet is being asked. */
  signing: boolean
  /** Null where nobody can: no wallet is connected, or the node has no address. */
  signIn: (() => void) | null
}

/** @param endpoint of the node's agent, as the registry has it; null while it is not known. */
export const useNodeSession = (node: number, endpoint: string | null): NodeSession => {
  const runtime = useRuntime()
  const { address, signer } = useWallet()
  const key = address === undefined ? null : sessionKey(runtime.config, node, address)
  const session = useSyncExternalStore(onSessions, () => (key === null ? null : readSession(key)))
  const attempt = useMutation({
    mutationFn: async (at: string) => signIn(runtime, { node, endpoint: at }, await signer()),
  })
  const isIn = session !== null
  const client = useMemo(
    () => (isIn && key !== null && endpoint !== null ? nodeClient(key, endpoint) : null),
    [isIn, key, endpoint],
  )
  return {
    client,
    failure: attempt.error === null ? null : explain(attempt.error, inWords(runtime)).sentence,
    signing: attempt.isPending,
    signIn: key === null || endpoint === null ? null : () => attempt.mutate(endpoint),
  }
}

const inWords = ({ chain }: Runtime) => ({ chain: chain.name, symbol: chain.nativeCurrency.symbol })
