import type { LibvirtErrorFields } from './failure.ts'
import type { OperationName } from './operations.ts'

export interface RpcWorkerData {
  readonly uri: string
}

export type RpcRequest =
  | {
      readonly kind: 'call'
      readonly id: number
      readonly operation: OperationName
      readonly args: readonly unknown[]
    }
  | { readonly kind: 'close' }

export type RpcReply =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: LibvirtErrorFields }

/** To the event thread. `id` is the subscription's. */
export type EventRequest =
  | { readonly kind: 'watch'; readonly id: number; readonly uri: string }
  | { readonly kind: 'unwatch'; readonly id: number }
  | ConsoleRequest
  | { readonly kind: 'stop' }

/** To the event thread, about a console; `console` is the caller's number for it. */
export type ConsoleRequest =
  | {
      readonly kind: 'console-open'
      readonly console: number
      /** The watch whose connection it goes over. */
      readonly id: number
      readonly name: string
    }
  /** Answered by `console-written`, one at a time. */
  | { readonly kind: 'console-write'; readonly console: number; readonly bytes: Uint8Array }
  | { readonly kind: 'console-close'; readonly console: number }

/** From the event thread: what a watch has seen; event, detail and state are libvirt's numbers. */
export type WatchReport =
  | { readonly kind: 'lost'; readonly id: number }
  | { readonly kind: 'restored'; readonly id: number }
  | {
      readonly kind: 'lifecycle'
      readonly id: number
      readonly name: string
      readonly event: number
      readonly detail: number
    }
  | { readonly kind: 'agent'; readonly id: number; readonly name: string; readonly state: number }

export type ConsoleReport =
  | { readonly kind: 'console-opened'; readonly console: number }
  | { readonly kind: 'console-failed'; readonly console: number; readonly error: LibvirtErrorFields }
  | { readonly kind: 'console-data'; readonly console: number; readonly bytes: Uint8Array }
  | { readonly kind: 'console-written'; readonly console: number }
  /** Nothing follows. */
  | { readonly kind: 'console-ended'; readonly console: number }

export type EventReport =
  | WatchReport
  | ConsoleReport
  | { readonly kind: 'watching'; readonly id: number }
  | { readonly kind: 'unwatched'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly error: LibvirtErrorFields }
