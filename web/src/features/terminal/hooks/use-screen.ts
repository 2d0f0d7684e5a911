import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import { type RefObject, useEffect, useState } from 'react'
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

  useEffect(() => {
    let end = () => {}
    // A component that React mounts twice to try it out is not to open two shells, nor to end the one of this page.
    const begin = setTimeout(() => {
      if (box.current !== null) end = show(box.current, open, label, setState)
    })
    return () => {
      clearTimeout(begin)
      end()
    }
  }, [box, open, label])

  return state
}

/** @returns the function that ends the line and clears the element. */
const show = (
  element: HTMLElement,
  open: (screen: Screen) => Line,
  label: string,
  setState: (state: LineState) => void,
): (() => void) => {
  const terminal = new Terminal({
    ...{ cursorBlink: true, fontFamily: FONT, fontSize: 14, scrollback: 5_000, theme: THEME },
    documentOverride: strictDocument(),
  })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  whileStrict(() => terminal.open(element))
  terminal.textarea?.setAttribute('aria-label', label)
  fit.fit()
  const line = open({
    size: () => ({ cols: terminal.cols, rows: terminal.rows }),
    write: (bytes, done) => terminal.write(bytes, done),
    lost: (bytes) =>
      terminal.write(`\r\n\x1b[7m ${bytes} bytes were printed meanwhile and are gone \x1b[0m\r\n`),
    state: setState,
  })
  terminal.onData((text) => line.type(text))
  terminal.onResize(({ cols, rows }) => line.resize({ cols, rows }))
  const watch = new ResizeObserver(() => fit.fit())
  watch.observe(element)
  window.addEventListener('online', line.hurry)
  terminal.focus()
  return () => {
    window.removeEventListener('online', line.hurry)
    watch.disconnect()
    line.close()
    terminal.dispose()
  }
}
