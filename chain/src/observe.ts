// Tells what each JSON-RPC call cost and came to, without its URL: that may hold a key.
import type { HttpTransport } from 'viem'
import { hostOf, isUnreachableError } from './rpc-errors.ts'

export type RpcCall = {
  host: string
  /** The JSON-RPC method. */
  method: string
  outcome: 'ok' | 'unreachable' | 'refused'
  ms: number
}

/** The same transport; `onCall` hears of every call after its end. Calls of one batch count one by one. */
export const observed = (
  url: string,
  transport: HttpTransport,
  onCall: (call: RpcCall) => void,
): HttpTransport => {
  const host = hostOf(url)
  return (parameters) => {
    const made = transport(parameters)
    const request: typeof made.request = async (args, options) => {
      const began = performance.now()
      const tell = (outcome: RpcCall['outcome']) =>
        onCall({ host, method: (args as { method: string }).method, outcome, ms: performance.now() - began })
      try {
        const result = await made.request(args, options)
        tell('ok')
        // viem types the result by the method that was asked for; it is passed on as it came.
        return result as never
      } catch (error) {
        tell(isUnreachableError(error) ? 'unreachable' : 'refused')
        throw error
      }
    }
    return { ...made, request }
  }
}
