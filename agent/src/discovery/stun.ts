// How others see this machine: a STUN binding (RFC 8489) of each server that the operator named, and of no other.
import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import type { Known } from '@decloud/protocol/wire/facts'
import { numberToIpv4 } from '../hypervisor/ipv4.ts'
import { unknown, value } from './known.ts'
import type { Sight } from './nat.ts'

const COOKIE = 0x2112a442
const BINDING_REQUEST = 0x0001
const BINDING_SUCCESS = 0x0101
const MAPPED_ADDRESS = 0x0001
const XOR_MAPPED_ADDRESS = 0x0020
const IPV4 = 0x01
const HEADER_BYTES = 20

export type StunServer = { readonly host: string; readonly port: number }

const STUN_PORT = 3_478

/** `stun.example.org:3478`, the port by default. Pure. */
export const stunServerOf = (text: string): StunServer => {
  const [host = '', port] = text.split(':')
  return { host, port: port === undefined ? STUN_PORT : Number(port) }
}

/** Pure. @param transaction 12 bytes. */
export const bindingRequest = (transaction: Uint8Array): Buffer => {
  const request = Buffer.alloc(HEADER_BYTES)
  request.writeUInt16BE(BINDING_REQUEST, 0)
  request.writeUInt32BE(COOKIE, 4)
  request.set(transaction, 8)
  return request
}

/** Pure. @returns null for a packet that does not answer this request. */
export const mappedAddressOf = (packet: Buffer, transaction: Uint8Array): Known<string> | null => {
  if (packet.length < HEADER_BYTES || packet.readUInt16BE(0) !== BINDING_SUCCESS) return null
  const end = HEADER_BYTES + packet.readUInt16BE(2)
  if (packet.readUInt32BE(4) !== COOKIE || end > packet.length) return null
  if (!packet.subarray(8, HEADER_BYTES).equals(transaction)) return null
  let plain: string | null = null
  for (let at = HEADER_BYTES; at + 4 <= end; ) {
    const [type, length] = [packet.readUInt16BE(at), packet.readUInt16BE(at + 2)]
    const body = packet.subarray(at + 4, Math.min(at + 4 + length, end))
    if (body.length >= 8 && body[1] === IPV4) {
      // Some routers rewrite every address that they see in a packet: the XOR hides it from them.
      if (type === XOR_MAPPED_ADDRESS) return value(numberToIpv4(body.readUInt32BE(4) ^ COOKIE))
      if (type === MAPPED_ADDRESS) plain = numberToIpv4(body.readUInt32BE(4))
    }
    at += 4 + length + ((4 - (length % 4)) % 4)
  }
  return plain === null ? unknown('It answered without an IPv4 address.') : value(plain)
}

/** RFC 8489 6.2.1 begins with half a second and doubles; here it ends after the fourth. */
const RESEND_MS = [0, 500, 1_500, 3_500] as const
const DEADLINE_MS = 5_000

/** @returns one sight a server, also of those that do not answer. Never rejects. */
export const askStun = (servers: readonly StunServer[], deadlineMs = DEADLINE_MS): Promise<Sight[]> =>
  Promise.all(
    servers.map(async (server) => ({
      by: `STUN server ${server.host}:${server.port}`,
      ipv4: await bindingOf(server, deadlineMs),
    })),
  )

const bindingOf = (server: StunServer, deadlineMs: number): Promise<Known<string>> =>
  new Promise((resolve) => {
    const transaction = randomBytes(12)
    const request = bindingRequest(transaction)
    const socket: Socket = createSocket('udp4')
    const finish = (result: Known<string>) => {
      for (const timer of timers) clearTimeout(timer)
      socket.removeAllListeners('message').close()
      resolve(result)
    }
    const timers: NodeJS.Timeout[] = RESEND_MS.filter((ms) => ms < deadlineMs).map((ms) =>
      setTimeout(() => {
        socket.send(request, server.port, server.host, (error) => {
          // The name cannot be resolved or no route leads there: more packets would not help.
          if (error !== null && error !== undefined) failed(error.message)
        })
      }, ms),
    )
    let isOver = false
    const once = (result: Known<string>) => {
      if (isOver) return
      isOver = true
      finish(result)
    }
    const failed = (why: string) => once(unknown(`It cannot be asked: ${why}.`))
    timers.push(
      setTimeout(() => once(unknown(`It did not answer within ${deadlineMs / 1000} s.`)), deadlineMs),
    )
    socket.on('error', (error) => failed(error.message))
    socket.on('message', (packet) => {
      const mapped = mappedAddressOf(packet, transaction)
      if (mapped !== null) once(mapped)
    })
  })
