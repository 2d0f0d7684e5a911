// Two taps joined by QEMU's own hub, without a guest and so without emulation, each in a network namespace of its own:
// what a fast guest's interface is to its host.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LinkRate } from '../../agent/src/ports/shaper.ts'
import { makeNamespace, type Namespace } from '../../agent/test/qos/namespace.ts'
import type { Leftovers } from '../../scripts/lib/leftovers.ts'
import { until } from '../../scripts/lib/until.ts'
import type { Measured } from './stream.ts'

export const HOST_TAP = 'dctap0'
const PEER_TAP = 'dctap1'
const ADDRESSES = { host: '10.213.0.1', peer: '10.213.0.2' } as const
const PORT = 5201
const STREAM = fileURLToPath(new URL('./stream.ts', import.meta.url))

export const joinTaps = async (leftovers: Leftovers) => {
  const host = await makeNamespace()
  await leftovers.process(host.pid)
  const peer = await makeNamespace()
  await leftovers.process(peer.pid)
  const tap = (id: string, name: string) => [
    '-netdev',
    `tap,id=${id},ifname=${name},script=no,downscript=no`,
    '-netdev',
    `hubport,id=port-${id},hubid=0,netdev=${id}`,
  ]
  const [nsenter, ...within] = host.within
  const qemu = ['qemu-system-x86_64', '-machine', 'none', '-nodefaults', '-display', 'none']
  const hub = spawn(nsenter!, [...within, ...qemu, ...tap('t0', HOST_TAP), ...tap('t1', PEER_TAP)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const gone = once(hub, 'exit')
  if (hub.pid !== undefined) await leftovers.process(hub.pid)
  const close = async () => {
    hub.kill('SIGKILL')
    await gone
    await Promise.all([host.close(), peer.close()])
  }
  try {
    await until(
      async () => (await host.run('ip', '-o', 'link')).includes(PEER_TAP),
      10_000,
      'QEMU has not made its taps',
    )
    await host.run('ip', 'link', 'set', 'dev', PEER_TAP, 'netns', String(peer.pid))
    for (const [namespace, name, address] of [
      [host, HOST_TAP, ADDRESSES.host],
      [peer, PEER_TAP, ADDRESSES.peer],
    ] as const) {
      await namespace.run('ip', 'address', 'add', `${address}/24`, 'dev', name)
      await namespace.run('ip', 'link', 'set', 'dev', name, 'up')
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    host,
    close,
    /** Payload that arrives at the peer as a guest would get it, or at the host as a guest would send it. */
    measure: (direction: 'to-guest' | 'from-guest', limit: LinkRate | null): Promise<Measured> =>
      direction === 'to-guest'
        ? measure(host, { at: peer, address: ADDRESSES.peer }, limit)
        : measure(peer, { at: host, address: ADDRESSES.host }, limit),
  }
}

const measure = async (
  from: Namespace,
  to: { at: Namespace; address: string },
  limit: LinkRate | null,
): Promise<Measured> => {
  const sink = run(
    to.at,
    'sink',
    to.address,
    ...(limit === null ? [] : [limit.average, limit.burst].map(String)),
  )
  const printed: string[] = []
  const ended = once(sink, 'exit')
  sink.stdout?.setEncoding('utf8').on('data', (text: string) => printed.push(text))
  await Promise.race([once(sink.stdout!, 'data'), ended])
  const source = run(from, 'source', to.address)
  try {
    await ended
  } finally {
    source.kill('SIGKILL')
    sink.kill('SIGKILL')
  }
  const last = printed.join('').trim().split('\n').at(-1) ?? ''
  return JSON.parse(last) as Measured // printed by stream.ts, in its own type
}

const run = (
  { within: [nsenter, ...rest] }: Namespace,
  role: 'sink' | 'source',
  address: string,
  ...more: string[]
) =>
  spawn(nsenter!, [...rest, process.execPath, STREAM, role, address, String(PORT), ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
