import { sentenceOf } from '@decloud/protocol/errors'
import { useCallback, useEffect, useRef, useState } from 'react'
import { explain } from '../data/errors.ts'
import { type Runtime, useRuntime } from '../data/runtime.tsx'
import { advance, CommitmentVoid, type Flow, type FlowRecord, newRecord, type Signer } from './flow.ts'
import { flowKey, loadRecord, saveRecord } from './storage.ts'

export type FlowHandle<P> = {
  /** Undefined when no such flow is under way. */
  record: FlowRecord<P> | undefined
  busy: boolean
  steps: readonly { id: string; title: string; meanwhile?: string }[]
  start: (params: P) => void
  /** Goes on after a failure or a reload; may ask the wallet. */
  resume: () => void
  /** Forgets the flow. What is on chain stays there. */
  dismiss: () => void
}

/**
 * @param subject what the flow is about, part of its storage key: a lease id, an account.
 * @param onDone called once when the last step is verified; the record is gone by then.
 * @param askAtOnce whether the wallet may be asked as soon as the page stands, because the user has just confirmed.
 */
export const useFlow = <P>(
  flow: Flow<P>,
  subject: string,
  signer: () => Promise<Signer>,
  onDone: (params: P) => void,
  askAtOnce = false,
): FlowHandle<P> => {
  const runtime = useRuntime()
  const key = flowKey(runtime.config.chainId, flow.kind, subject)
  const [record, setRecord] = useState(() => loadRecord<P>(key))
  const [busy, setBusy] = useState(false)
  const running = useRef(false)
  const latest = useRef({ signer, onDone, askAtOnce })
  latest.current = { signer, onDone, askAtOnce }

  const run = useCallback(
    async (from: FlowRecord<P>, mayAsk: boolean) => {
      if (running.current) return
      running.current = true
      setBusy(true)
      const save = (next: FlowRecord<P> | undefined) => {
        saveRecord(key, next)
        setRecord(next)
      }
      try {
        const clean = { ...from, failure: null }
        save(clean)
        const env = { runtime, signer: () => latest.current.signer() }
        if (await advance(flow, clean, env, save, mayAsk)) {
          save(undefined)
          latest.current.onDone(from.params)
        }
      } catch (error) {
        const stands = loadRecord<P>(key)
        if (stands !== undefined) save({ ...stands, failure: failureOf(error, runtime) })
      } finally {
        running.current = false
        setBusy(false)
      }
    },
    [flow, key, runtime],
  )

  // After a reload: what was committed is verified by itself; the wallet is asked only after a press.
  useEffect(() => {
    const stored = loadRecord<P>(key)
    setRecord(stored)
    if (stored !== undefined && stored.failure === null) void run(stored, latest.current.askAtOnce)
  }, [key, run])

  return {
    record,
    busy,
    steps: record === undefined ? [] : flow.steps(record.params),
    start: (params) => void run(newRecord(params), true),
    resume: () => record !== undefined && void run(record, true),
    dismiss: () => {
      saveRecord(key, undefined)
      setRecord(undefined)
    },
  }
}

const failureOf = (error: unknown, runtime: Runtime) => {
  const cause = error instanceof CommitmentVoid ? error.cause : error
  const explained = explain(cause, { chain: runtime.chain.name, symbol: runtime.chain.nativeCurrency.symbol })
  return { code: explained.code, sentence: sentenceOf(explained) }
}
