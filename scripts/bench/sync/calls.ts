// Counts what goes to the RPC: HTTP requests, and the calls in them.
export type Calls = { requests: number; calls: number }

/** Replaces this process's `fetch`: a bench runs each side in a process of its own. */
export const countCalls = (): Calls => {
  const counted: Calls = { requests: 0, calls: 0 }
  const original = globalThis.fetch
  globalThis.fetch = (input, init) => {
    counted.requests += 1
    const body: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : null
    counted.calls += Array.isArray(body) ? body.length : 1
    return original(input, init)
  }
  return counted
}
