import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { askKeepers } from '../../src/discovery/keepers.ts'
import { unknown, value } from '../../src/discovery/known.ts'
import { isPublic, natClassOf, publicAddressOf, type Sight } from '../../src/discovery/nat.ts'
import { askStun, bindingRequest, mappedAddressOf } from '../../src/discovery/stun.ts'

const isUnknown = { unknown: expect.stringMatching(/\S/) }
const sees = (...addresses: string[]): Sight[] =>
  addresses.map((ipv4) => ({ by: 'a server', ipv4: value(ipv4) }))
const silent: Sight[] = [{ by: 'a server', ipv4: unknown('It did not answer within 5 s.') }]

describe('the class of NAT', () => {
  it.each([
    ['93.184.216.34', sees('93.184.216.34'), 'public'],
    ['93.184.216.34', [], 'public'],
    ['192.168.1.10', sees('93.184.216.34'), 'nat'],
    ['10.0.0.4', sees('93.184.216.34', '93.184.216.34'), 'nat'],
    ['100.64.0.9', [], 'carrier-grade'],
    ['100.127.255.254', sees('93.184.216.34'), 'carrier-grade'],
    ['192.168.1.10', sees('100.72.3.4'), 'carrier-grade'],
  ] as const)('%s, seen as %j: %s', (local, sights, expected) => {
    expect(natClassOf(value(local), sights)).toEqual({ value: expected })
  })
  it.each([
    ['192.168.1.10', []],
    ['192.168.1.10', silent],
    ['172.20.0.2', sees('172.20.0.2')],
  ] as const)('%s, seen as %j: unknown', (local, sights) => {
    expect(natClassOf(value(local), sights)).toEqual(isUnknown)
  })
  it('just outside the carriers’ range is not theirs', () => {
    for (const address of ['100.63.255.255', '100.128.0.0'])
      expect(natClassOf(value(address), [])).toEqual({ value: 'public' })
  })
  it('is unknown without an address of its own', () => {
    expect(natClassOf(unknown('There is no default route for IPv4.'), sees('93.184.216.34'))).toEqual(
      isUnknown,
    )
  })
})

describe('the public address', () => {
  it('is what they see, and unknown when they do not agree or nobody answers', () => {
    const local = value('192.168.1.10')
    expect(publicAddressOf(local, sees('93.184.216.34', '93.184.216.34'))).toEqual(value('93.184.216.34'))
    expect(publicAddressOf(local, sees('93.184.216.34', '93.184.216.35'))).toEqual(isUnknown)
    expect(publicAddressOf(local, sees('10.0.0.1'))).toEqual(isUnknown)
    expect(publicAddressOf(local, sees('192.168.1.10', '93.184.216.34'))).toEqual(value('93.184.216.34'))
    expect(publicAddressOf(local, silent)).toEqual(isUnknown)
    expect(publicAddressOf(local, [])).toEqual(isUnknown)
  })
  it.each([
    '10.1.2.3',
    '172.31.0.1',
    '192.168.0.1',
    '127.0.0.1',
    '169.254.1.1',
    '100.64.0.1',
    '224.0.0.1',
    '999.1.1.1',
    'x',
  ])('%s is none', (address) => expect(isPublic(address)).toBe(false))
})

describe('keepers', () => {
  it.each([
    [200, '{"address":"93.184.216.34"}', value('93.184.216.34')],
    [200, '{"address":"2001:db8::1"}', isUnknown],
    [200, '{"address":"<script>"}', isUnknown],
    [200, '{"ip":"93.184.216.34"}', isUnknown],
    [200, 'x'.repeat(100_000), isUnknown],
    [404, '{"address":"93.184.216.34"}', isUnknown],
  ])('that answer %i %.40s', async (status, body, expected) => {
    const asked: (string | undefined)[] = []
    const server = createServer((request, response) => {
      asked.push(request.url)
      response.writeHead(status, { 'content-length': body.length }).end(body)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const { port } = server.address() as AddressInfo
      const [sight] = await askKeepers([`http://127.0.0.1:${port}/base`])
      expect(sight).toEqual({ by: `keeper 127.0.0.1:${port}`, ipv4: expected })
      expect(asked).toEqual(['/base/api/whoami'])
    } finally {
      server.close()
    }
  })
  it('that are not there leave a reason', async () => {
    expect((await askKeepers(['http://127.0.0.1:1']))[0]!.ipv4).toEqual(isUnknown)
  })
})

const transaction = Uint8Array.from({ length: 12 }, (_, i) => i)

/** What a server answers; attributes are padded to four bytes. */
const answer = (to: Uint8Array, type: number, ipv4: readonly number[], xor: boolean) => {
  const packet = Buffer.alloc(20 + 8 + 12)
  packet.writeUInt16BE(0x0101, 0)
  packet.writeUInt16BE(20, 2)
  packet.writeUInt32BE(0x2112a442, 4)
  packet.set(to, 8)
  packet.writeUInt16BE(0x8022, 20) // SOFTWARE, two bytes and two of padding
  packet.writeUInt16BE(2, 22)
  packet.writeUInt16BE(type, 28)
  packet.writeUInt16BE(8, 30)
  packet[33] = 1
  const cookie = [0x21, 0x12, 0xa4, 0x42]
  packet.set(
    ipv4.map((part, i) => (xor ? part ^ cookie[i]! : part)),
    36,
  )
  return packet
}

describe('STUN', () => {
  it('reads both kinds of answers, the hidden one first', () => {
    expect(mappedAddressOf(answer(transaction, 0x0020, [198, 51, 100, 7], true), transaction)).toEqual(
      value('198.51.100.7'),
    )
    expect(mappedAddressOf(answer(transaction, 0x0001, [198, 51, 100, 7], false), transaction)).toEqual(
      value('198.51.100.7'),
    )
  })
  it('takes no answer to somebody else’s question', () => {
    const other = Uint8Array.from(transaction).reverse()
    expect(mappedAddressOf(answer(other, 0x0020, [1, 2, 3, 4], true), transaction)).toBeNull()
    expect(mappedAddressOf(bindingRequest(transaction), transaction)).toBeNull()
  })
  it('survives whatever arrives', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, isOurs) => {
        const packet = Buffer.from(bytes)
        if (isOurs && packet.length >= 20) answer(transaction, 1, [1, 2, 3, 4], false).copy(packet, 0, 0, 20)
        const found = mappedAddressOf(packet, transaction)
        if (found !== null && 'value' in found) expect(found.value).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      }),
    )
  })
  it('asks a real server again until it answers, and gives up on one that does not', async () => {
    const server = createSocket('udp4')
    const mute = createSocket('udp4')
    server.bind(0, '127.0.0.1')
    mute.bind(0, '127.0.0.1')
    await Promise.all([once(server, 'listening'), once(mute, 'listening')])
    let heard = 0
    server.on('message', (packet, from) => {
      heard += 1
      if (heard === 1) return // a packet that got lost
      const parts = from.address.split('.').map(Number)
      server.send(answer(packet.subarray(8, 20), 0x0020, parts, true), from.port, from.address)
    })
    try {
      const port = (socket: typeof server) => (socket.address() as AddressInfo).port
      const [answered, silent] = await askStun(
        [
          { host: '127.0.0.1', port: port(server) },
          { host: '127.0.0.1', port: port(mute) },
        ],
        2_000,
      )
      expect(answered!.ipv4).toEqual(value('127.0.0.1'))
      expect(heard).toBeGreaterThanOrEqual(2)
      expect(silent!.ipv4).toEqual({ unknown: 'It did not answer within 2 s.' })
    } finally {
      server.close()
      mute.close()
    }
  })
  it('says that a name cannot be resolved', async () => {
    const [sight] = await askStun([{ host: 'stun.invalid', port: 3478 }], 4_000)
    expect(sight!.ipv4).toEqual({ unknown: expect.stringMatching(/cannot be asked|did not answer/) })
  })
})
