// What a page shows while it has nothing, nothing yet, or an error to show.
import type { ReactNode } from 'react'
import { explain } from '../data/errors.ts'
import { useRuntime } from '../data/runtime.tsx'
import { Button } from './button.tsx'

export const Empty = (props: { title: string; children: ReactNode; action?: ReactNode }) => (
  <div className="card empty">
    <h2>{props.title}</h2>
    <p>{props.children}</p>
    {props.action}
  </div>
)

export const Loading = (props: { label: string; rows?: number }) => (
  <div className="stack" role="status">
    <span className="sr">{props.label}</span>
    {Array.from({ length: props.rows ?? 3 }, (_, i) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity
      <div key={i} className="card" aria-hidden="true">
        <div className="skeleton skeleton-wide" />
      </div>
    ))}
  </div>
)

export const Failed = (props: { title: string; error: unknown; retry: () => void }) => {
  const { chain } = useRuntime()
  const error = explain(props.error, { chain: chain.name, symbol: chain.nativeCurrency.symbol })
  return (
    <div className="card empty" role="alert">
      <h2>{props.title}</h2>
      <p>{error.sentence}</p>
      <Button kind="secondary" onClick={props.retry}>
        Try again
      </Button>
    </div>
  )
}
