import { useEffect, useState } from 'react'
import { Button } from './button.tsx'

const SHOWN_MS = 2_000

/** A text made to be pasted elsewhere. */
export const Copy = (props: { text: string; label: string }) => {
  const [state, setState] = useState<'idle' | 'copied' | 'refused'>('idle')
  useEffect(() => {
    if (state === 'idle') return
    const timer = setTimeout(() => setState('idle'), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [state])
  const copy = () =>
    navigator.clipboard.writeText(props.text).then(
      () => setState('copied'),
      // The browser may forbid it; the text stays there to be selected by hand.
      () => setState('refused'),
    )
  return (
    <div className="copy">
      <code>{props.text}</code>
      <Button kind="secondary" size="small" onClick={copy} aria-label={`Copy ${props.label}`}>
        {state === 'idle' ? 'Copy' : state === 'copied' ? 'Copied' : 'Select and copy'}
      </Button>
      <span className="sr" role="status">
        {state === 'copied' ? `${props.label} copied` : ''}
      </span>
    </div>
  )
}
