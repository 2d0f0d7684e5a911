// Flow records in localStorage, by chain, kind and subject. bigint travels as {"$bigint": "…"}.
import type { FlowRecord } from './flow.ts'

const PREFIX = 'decloud.flow'

export const flowKey = (chainId: number, kind: string, subject: string) =>
  `${PREFIX}.${chainId}.${kind}.${subject}`

export const encodeRecord = <P>(record: FlowRecord<P>): string =>
  JSON.stringify(record, (_, value: unknown) =>
    typeof value === 'bigint' ? { $bigint: value.toString() } : value,
  )

/** @returns undefined for text that is not a record: an older version's, or another program's. */
export const decodeRecord = <P>(text: string): FlowRecord<P> | undefined => {
  try {
    const record = JSON.parse(text, (_, value: unknown) =>
      typeof value === 'object' && value !== null && '$bigint' in value
        ? BigInt(value.$bigint as string)
        : value,
    ) as FlowRecord<P>
    return typeof record === 'object' && record !== null && typeof record.done === 'number'
      ? record
      : undefined
  } catch {
    return undefined
  }
}

export const loadRecord = <P>(key: string): FlowRecord<P> | undefined => {
  const text = localStorage.getItem(key)
  return text === null ? undefined : decodeRecord<P>(text)
}

export const saveRecord = <P>(key: string, record: FlowRecord<P> | undefined): void => {
  if (record === undefined) localStorage.removeItem(key)
  else localStorage.setItem(key, encodeRecord(record))
}

/** Subjects (lease ids) of unfinished flows of a kind. */
export const pendingSubjects = (chainId: number, kind: string): string[] => {
  const prefix = flowKey(chainId, kind, '')
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length))
}
