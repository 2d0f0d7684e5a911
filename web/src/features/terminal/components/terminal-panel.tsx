import { DecloudError } from '@decloud/protocol/errors'
import { useCallback, useState } from 'react'
import type { Hex } from 'viem'
import { explain } from '../../../data/errors.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import type { NodeClient } from '../../node-session/index.ts'
import { connectTo } from '../connect.ts'
import { openConsoleLine } from '../console-line.ts'
import { openLine, type Screen } from '../line.ts'
import { ScreenPanel } from './screen-panel.tsx'

/** Asking again would change nothing: somebody has to do something first. */
const FINAL: ReadonlySet<string> = new Set(['signed-out', 'level-too-low', 'lease-unknown', 'origin-refused'])
const isFinal = (error: unknown) => error instanceof DecloudError && FINAL.has(error.code)

type Props = { client: NodeClient; leaseId: Hex }

/** Of a page that was reloaded the shell goes on where it was. */
const memoryOf = (leaseId: Hex) => {
  const key = `decloud.terminal.${leaseId}`
  return {
    read: () => sessionStorage.getItem(key),
    write: (session: string | null) =>
      session === null ? sessionStorage.removeItem(key) : sessionStorage.setItem(key, session),
  }
}

const useWords = () => {
  const { chain } = useRuntime()
  const { name } = chain
  const { symbol } = chain.nativeCurrency
  return useCallback((error: unknown) => explain(error, { chain: name, symbol }).sentence, [name, symbol])
}

export const TerminalPanel = ({ client, leaseId }: Props) => {
  const words = useWords()
  const [nth, setNth] = useState(0)
  const open = useCallback(
    (screen: Screen) =>
      openLine({
        ...{ screen, isFinal, explain: words, memory: memoryOf(leaseId) },
        connect: () => connectTo(client, leaseId, 'terminal'),
      }),
    [client, leaseId, words],
  )
  return (
    <ScreenPanel
      key={nth}
      label="Terminal"
      open={open}
      again={() => setNth(nth + 1)}
      help="A shell in your machine. It waits five minutes for you when the connection drops."
    />
  )
}

export const ConsolePanel = ({ client, leaseId }: Props) => {
  const words = useWords()
  const [nth, setNth] = useState(0)
  const open = useCallback(
    (screen: Screen) =>
      openConsoleLine({
        ...{ screen, isFinal, explain: words },
        connect: () => connectTo(client, leaseId, 'console'),
      }),
    [client, leaseId, words],
  )
  return (
    <ScreenPanel
      key={nth}
      label="Serial console"
      open={open}
      again={() => setNth(nth + 1)}
      help="The machine's serial line, for when SSH does not answer. Press Enter for its login; the password is your own."
    />
  )
}
