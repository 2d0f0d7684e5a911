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
  | { readonly kind: 'stop' }

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

export type EventReport =
  | WatchReport
  | { readonly kind: 'watching'; readonly id: number }
  | { readonly kind: 'unwatched'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly error: LibvirtErrorFields }
