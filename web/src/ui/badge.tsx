import type { ReactNode } from 'react'

export const Badge = (props: {
  tone?: 'plain' | 'good' | 'warn' | 'bad'
  title?: string
  children: ReactNode
}) => (
  <span className="badge" data-tone={props.tone ?? 'plain'} title={props.title}>
    {props.children}
  </span>
)
