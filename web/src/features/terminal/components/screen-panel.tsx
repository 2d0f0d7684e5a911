import { type ReactNode, useRef } from 'react'
import { Badge } from '../../../ui/badge.tsx'
import { Button } from '../../../ui/button.tsx'
import { Notice } from '../../../ui/notice.tsx'
import { useScreen } from '../hooks/use-screen.ts'
import type { Line, LineState, Screen } from '../line.ts'
import './screen.css'

const WORDS: Readonly<Record<LineState['at'], { text: string; tone: 'plain' | 'good' | 'warn' | 'bad' }>> = {
  connecting: { text: 'Connecting', tone: 'plain' },
  connected: { text: 'Connected', tone: 'good' },
  dropped: { text: 'Connection lost, trying again', tone: 'warn' },
  ended: { text: 'Ended', tone: 'plain' },
  refused: { text: 'Not open', tone: 'bad' },
}

export const ScreenPanel = (props: {
  label: string
  /** Stable for as long as the same line is meant. */
  open: (screen: Screen) => Line
  again: () => void
  help: ReactNode
}) => {
  const box = useRef<HTMLDivElement>(null)
  const state = useScreen(box, props.open, props.label)
  const over = state.at === 'ended' || state.at === 'refused'
  return (
    <div className="stack">
      <div className="spread">
        <p className="small muted">{props.help}</p>
        <span role="status" data-testid="line-state" data-state={state.at}>
          <Badge tone={WORDS[state.at].tone}>{WORDS[state.at].text}</Badge>
        </span>
      </div>
      <div className="screen" ref={box} />
      {over && (
        <Notice tone={state.at === 'refused' ? 'bad' : 'plain'}>
          {state.why === '' ? 'The shell has ended.' : state.why}{' '}
          <Button kind="secondary" size="small" onClick={props.again}>
            Open a new one
          </Button>
        </Notice>
      )}
    </div>
  )
}
