// The process's one libvirt event loop. libvirt's loop is process-wide, so there is one thread whatever the number of
// clients; it blocks inside the loop and looks at its messages on every tick.
import { parentPort, receiveMessageOnPort } from 'node:worker_threads'
import { type Handle, ok, present, virConnect, virDomain, virEvent } from './bindings.ts'
import { makeConsoles } from './event-consoles.ts'
import { fieldsOf } from './failure.ts'
import type { EventReport, EventRequest } from './messages.ts'

const LIFECYCLE = 0
const AGENT_LIFECYCLE = 18
const TICK_MS = 100
/** While somebody types into a console. */
const QUICK_TICK_MS = 15
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 5000

interface Watch {
  readonly id: number
  readonly uri: string
  readonly callbacks: readonly [Handle, Handle]
  connection: { readonly handle: Handle; readonly registrations: readonly number[] } | null
  retryAt: number
  retryMs: number
}

const port = parentPort
const watches = new Map<number, Watch>()
const report = (message: EventReport) => port?.postMessage(message)
const consoles = makeConsoles((id) => watches.get(id)?.connection?.handle ?? null, report)

function open(watch: Watch): void {
  const handle = present(virConnect.open(watch.uri))
  const registrations: number[] = []
  try {
    // The in-process test driver has no sockets to keep alive and says so.
    if (!watch.uri.startsWith('test:')) ok(virConnect.setKeepAlive(handle, 5, 3))
    for (const [i, id] of [LIFECYCLE, AGENT_LIFECYCLE].entries()) {
      const callback = watch.callbacks[i as 0 | 1]
      registrations.push(ok(virConnect.domainEventRegisterAny(handle, null, id, callback, null, null)))
    }
  } catch (error) {
    virConnect.close(handle)
    throw error
  }
  watch.connection = { handle, registrations }
}

function closeConnection(watch: Watch): void {
  if (!watch.connection) return
  consoles.endAll(watch.id)
  for (const id of watch.connection.registrations)
    virConnect.domainEventDeregisterAny(watch.connection.handle, id)
  virConnect.close(watch.connection.handle)
  watch.connection = null
}

function begin(id: number, uri: string): void {
  const lifecycle = virEvent.domainCallback((_c, d, event, detail) => {
    report({ kind: 'lifecycle', id, name: virDomain.getName(d) ?? '', event, detail })
    return 0
  })
  const agent = virEvent.domainCallback((_c, d, state) => {
    report({ kind: 'agent', id, name: virDomain.getName(d) ?? '', state })
    return 0
  })
  const watch: Watch = {
    id,
    uri,
    callbacks: [lifecycle, agent],
    connection: null,
    retryAt: 0,
    retryMs: FIRST_RETRY_MS,
  }
  try {
    open(watch)
    watches.set(id, watch)
    report({ kind: 'watching', id })
  } catch (error) {
    for (const callback of watch.callbacks) virEvent.releaseCallback(callback)
    report({ kind: 'failed', id, error: fieldsOf(error, true) })
  }
}

function end(watch: Watch): void {
  closeConnection(watch)
  watches.delete(watch.id)
  // Deregistration only marks the callback; the loop drops it on its next round, after which it may be freed.
  virEvent.runDefaultImpl()
  for (const callback of watch.callbacks) virEvent.releaseCallback(callback)
  report({ kind: 'unwatched', id: watch.id })
}

function heal(watch: Watch): void {
  if (watch.connection && virConnect.isAlive(watch.connection.handle) !== 1) {
    closeConnection(watch)
    watch.retryMs = FIRST_RETRY_MS
    watch.retryAt = Date.now()
    report({ kind: 'lost', id: watch.id })
  }
  if (watch.connection || Date.now() < watch.retryAt) return
  try {
    open(watch)
    report({ kind: 'restored', id: watch.id })
  } catch {
    // The loss is already reported; each later call of a client says the reason itself.
    watch.retryAt = Date.now() + watch.retryMs
    watch.retryMs = Math.min(watch.retryMs * 2, LAST_RETRY_MS)
  }
}

/** false when the thread is to end. */
function serve(request: EventRequest): boolean {
  if (request.kind === 'watch') begin(request.id, request.uri)
  const watch = request.kind === 'unwatch' ? watches.get(request.id) : undefined
  if (watch) end(watch)
  if ('console' in request) consoles.serve(request)
  return request.kind !== 'stop'
}

function loop(messages: NonNullable<typeof port>, timer: number): void {
  let running = true
  let quick = false
  while (running) {
    ok(virEvent.runDefaultImpl())
    for (let next = receiveMessageOnPort(messages); next && running; next = receiveMessageOnPort(messages)) {
      running = serve(next.message as EventRequest)
    }
    for (const watch of watches.values()) heal(watch)
    if (consoles.tidy() !== quick) {
      quick = !quick
      virEvent.updateTimeout(timer, quick ? QUICK_TICK_MS : TICK_MS)
    }
  }
  for (const watch of [...watches.values()]) end(watch)
}

if (port) {
  ok(virEvent.registerDefaultImpl())
  const tick = virEvent.timeoutCallback(() => {})
  const timer = ok(virEvent.addTimeout(TICK_MS, tick, null, null))
  loop(port, timer)
  virEvent.removeTimeout(timer)
  consoles.tidy()
  consoles.release()
  virEvent.releaseCallback(tick)
  port.close()
}
