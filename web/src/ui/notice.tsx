import type { ReactNode } from 'react'

/** A sentence that asks for attention. Bad ones interrupt a screen reader, the others wait for a pause. */
export const Notice = (props: { tone: 'plain' | 'good' | 'warn' | 'bad'; children: ReactNode }) => (
  <div className="notice" data-tone={props.tone} role={props.tone === 'bad' ? 'alert' : 'status'}>
    {props.children}
  </div>
)
