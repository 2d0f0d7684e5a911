// One thread with one connection, which answers one call at a time and reopens what broke between two calls.
import { parentPort, workerData } from 'node:worker_threads'
import { type Handle, ok, present, virConnect } from './bindings.ts'
import { fieldsOf } from './failure.ts'
import type { RpcReply, RpcRequest, RpcWorkerData } from './messages.ts'
import { operations } from './operations.ts'

const port = parentPort
const { uri } = workerData as RpcWorkerData
let connection: Handle | null = null

function drop(): void {
  if (connection !== null) virConnect.close(connection)
  connection = null
}

/** Proves the connection by a round trip first: after a restart of libvirtd the old one looks sound until it is used. */
function connect(): Handle {
  if (connection !== null && virConnect.getLibVersion(connection, [null]) < 0) drop()
  if (connection === null) {
    connection = present(virConnect.open(uri))
    ok(virConnect.getLibVersion(connection, [null]))
  }
  return connection
}

function answer(request: Extract<RpcRequest, { kind: 'call' }>): RpcReply {
  let c: Handle
  try {
    c = connect()
  } catch (error) {
    drop()
    return { id: request.id, ok: false, error: fieldsOf(error, true) }
  }
  try {
    // The pool's call() ties the arguments to the operation; a message between threads loses that type.
    const operation = operations[request.operation] as (c: Handle, ...args: readonly unknown[]) => unknown
    return { id: request.id, ok: true, value: operation(c, ...request.args) }
  } catch (error) {
    const lost = virConnect.isAlive(c) !== 1
    if (lost) drop()
    return { id: request.id, ok: false, error: fieldsOf(error, lost) }
  }
}

port?.on('message', (request: RpcRequest) => {
  if (request.kind === 'close') {
    drop()
    port.close()
    return
  }
  port.postMessage(answer(request))
})
