// Says what is being done and for how long: a line that moves on a terminal, a line now and then elsewhere.
import { stderr } from 'node:process'

export type Progress = {
  /** Runs `work` under a title; shows the time it takes, and what it says meanwhile through `note`. */
  step<result>(title: string, work: (note: (text: string) => void) => Promise<result>): Promise<result>
  /** One line of its own. */
  say(text: string): void
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const TICK_MS = { terminal: 120, log: 10_000 }

/** Everything goes to stderr: stdout belongs to results. */
export const makeProgress = (stream: NodeJS.WriteStream = stderr): Progress => {
  const terminal = stream.isTTY === true
  const clear = () => (terminal ? '\r\u001b[2K' : '')
  const say = (text: string) => void stream.write(`${clear()}${text}\n`)

  const step: Progress['step'] = async (title, work) => {
    const started = performance.now()
    const elapsed = () => `${((performance.now() - started) / 1000).toFixed(1)} s`
    let note = ''
    let frame = 0
    const line = () => `${title}${note === '' ? '' : `: ${note}`}`
    const draw = () => {
      if (terminal)
        stream.write(
          `${clear()}${FRAMES[frame++ % FRAMES.length]} ${line()} ${elapsed()}`.slice(0, stream.columns),
        )
      else say(`… ${line()} (${elapsed()})`)
    }
    if (terminal) draw()
    const timer = setInterval(draw, terminal ? TICK_MS.terminal : TICK_MS.log)
    try {
      const result = await work((text) => {
        note = text
      })
      say(`✓ ${title} (${elapsed()})`)
      return result
    } catch (error) {
      say(`✗ ${line()} (${elapsed()})`)
      throw error
    } finally {
      clearInterval(timer)
    }
  }
  return { step, say }
}
