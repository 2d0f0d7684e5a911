/** Undoes what was set up, newest first; one that fails does not keep the others from being undone. */
export const makeDisposer = (onError: (error: unknown) => void) => {
  const undo: (() => unknown)[] = []
  return {
    add(release: () => unknown) {
      undo.push(release)
    },
    async dispose() {
      for (let release = undo.pop(); release !== undefined; release = undo.pop()) {
        try {
          await release()
        } catch (error) {
          onError(error)
        }
      }
    },
  }
}
export type Disposer = ReturnType<typeof makeDisposer>
