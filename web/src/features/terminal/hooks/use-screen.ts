import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import { type RefObject, useEffect, useRef, useState } from 'react'
import type { Line, LineState, Screen } from '../line.ts'
import { strictDocument, whileStrict } from '../strict-styles.ts'
import '@xterm/xterm/css/xterm.css'

/** The same in both themes: what programs print is made for it. */
const THEME = {
  background: '#0b1210',
  foreground: '#e6ece9',
  cursor: '#5fd6a4',
  selectionBackground: '#2f5c4a',
}
const FONT = 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace'

/**
 * A terminal on the page, with a line behind it for as long as it is shown.
 * @param open makes the line; another function, another line.
 * @param label for whoever does not see it.
 */
export const useScreen = (
  box: RefObject<HTMLDivElement | null>,
  open: (screen: Screen) => Line,
  label: string,
): LineState => {
  const [state, setState] = useState<LineState>({ at: 'connecting' })
  const line = useRef<Line | null>(null)

  useEffect(() => {
    const element = box.current
    if (element === null) return
    const terminal = new Terminal({
      ...{ cursorBlink: true, fontFamily: FONT, fontSize: 14, scrollback: 5_000, theme: THEME },
      documentOverride: strictDocument(),
    })
    const fit = new FitAddon()
    terminal.loadAddon(fit)
    whileStrict(() => terminal.open(element))
    terminal.textarea?.setAttribute('aria-label', label)
    fit.fit()
    line.current = open({
      size: () => ({ cols: terminal.cols, rows: terminal.rows }),
      write: (bytes, done) => terminal.write(bytes, done),
      lost: (bytes) =>
        terminal.write(`\r\n\x1b[7m ${bytes} bytes were printed meanwhile and are gone \x1b[0m\r\n`),
      state: setState,
    })
    const typed = terminal.onData((text) => line.current?.type(text))
    const resized = terminal.onResize((size) => line.current?.resize(size))
    const watch = new ResizeObserver(() => fit.fit())
    watch.observe(element)
    const online = () => line.current?.hurry()
    window.addEventListener('online', online)
    terminal.focus()
    return () => {
      window.removeEventListener('online', online)
      watch.disconnect()
      typed.dispose()
      resized.dispose()
      line.current?.close()
      line.current = null
      terminal.dispose()
    }
  }, [box, open, label])

  return state
}
