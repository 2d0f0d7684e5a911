// A socket may be gone without a word: whoever says nothing for long, though asked, is taken for gone.
const ASK_MS = 5_000
const SILENT_MS = 16_000

export const makeHearing = (ask: () => void, gone: () => void) => {
  let heardAt = 0
  let timer: ReturnType<typeof setInterval> | undefined
  const stop = () => clearInterval(timer)
  return {
    start: () => {
      stop()
      heardAt = performance.now()
      timer = setInterval(() => {
        if (performance.now() - heardAt < SILENT_MS) ask()
        else gone()
      }, ASK_MS)
    },
    heard: () => {
      heardAt = performance.now()
    },
    stop,
  }
}
