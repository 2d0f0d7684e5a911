// A bridge with two guests on it, of namespaces and this kernel: one pretends to be the other.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeAnchors } from '../../src/bridge/anchors.ts'
import type { Anchors } from '../../src/ports/anchors.ts'
import { makeTools } from '../../src/qos/tools.ts'
import { makeNamespace, type Namespace, namespaceMissing } from '../qos/namespace.ts'

const missing = await namespaceMissing()
if (missing) console.warn(`SKIPPED: guests that claim to be their neighbour: ${missing}`)

const BRIDGE = 'br0'
const VICTIM = { device: 'tap1', mac: '52:54:00:00:00:01', ip: '10.9.0.2' }
const ATTACKER = { device: 'tap2', mac: '52:54:00:00:00:02', ip: '10.9.0.3' }
const HOST_MAC = '52:54:00:ff:ff:01'
const PORT = 7_777

/** Says its name to whoever asks, and is heard of by the host all the time. */
const ANSWERING = `
  const socket = require('node:dgram').createSocket('udp4')
  socket.on('message', (_, from) => socket.send(process.argv[1], from.port, from.address))
  socket.bind(${PORT}, () => { console.log('up'); setInterval(() => socket.send('.', 9, '10.9.0.1'), 20) })`
/** Asks until somebody answers. */
const ASKING = `
  const socket = require('node:dgram').createSocket('udp4')
  const end = (text) => { console.log(text); process.exit() }
  socket.on('message', (name) => end(String(name)))
  setInterval(() => socket.send('who?', ${PORT}, process.argv[1]), 20)
  setTimeout(() => end('nobody'), 8_000)`

describe.skipIf(missing)('a guest that claims to be its neighbour', () => {
  let host: Namespace
  let guests: Namespace[]
  let anchors: Anchors
  const children: ReturnType<typeof spawn>[] = []

  beforeEach(async () => {
    host = await makeNamespace()
    guests = [await makeNamespace(), await makeNamespace()]
    anchors = makeAnchors(makeTools(host.within))
    // With an address of its own, as libvirt's have: one that follows its ports forgets all neighbours with each change.
    await host.run('ip', 'link', 'add', 'name', BRIDGE, 'address', HOST_MAC, 'type', 'bridge')
    await host.run('ip', 'addr', 'add', '10.9.0.1/24', 'dev', BRIDGE)
    await host.run('ip', 'link', 'set', 'dev', BRIDGE, 'up')
    for (const [i, { device, mac, ip }] of [VICTIM, ATTACKER].entries()) {
      const { pid, run } = guests[i]!
      const peer = ['peer', 'name', 'eth0', 'netns', String(pid)]
      await host.run('ip', 'link', 'add', 'name', device, 'type', 'veth', ...peer)
      await host.run('ip', 'link', 'set', 'dev', device, 'master', BRIDGE, 'up')
      await host.run('bridge', 'link', 'set', 'dev', device, 'isolated', 'on')
      await run('ip', 'link', 'set', 'dev', 'eth0', 'address', mac, 'up')
      await run('ip', 'addr', 'add', `${ip}/24`, 'dev', 'eth0')
    }
    await answer(0, 'victim')
  })
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
    for (const namespace of [...guests, host]) await namespace.close()
  })

  const node = (within: readonly string[], script: string, ...args: string[]) =>
    [...within, process.execPath, '-e', script, ...args] as [string, ...string[]]
  const answer = async (guest: number, name: string) => {
    const [program, ...args] = node(guests[guest]!.within, ANSWERING, name)
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    await once(child.stdout!, 'data')
  }
  const whoIs = async (ip: string): Promise<string> => {
    const [program, ...args] = node(host.within, ASKING, ip)
    return (await promisify(execFile)(program, args, { timeout: 20_000 })).stdout.trim()
  }
  const holdBoth = async () => {
    await anchors.hold(VICTIM)
    await anchors.hold(ATTACKER)
  }
  const neighbours = async () => await host.run('ip', 'neigh', 'show', 'dev', BRIDGE, 'nud', 'permanent')

  test('by its MAC: is sent what is for the other, and nothing any more once both are held', async () => {
    expect(await whoIs(VICTIM.ip)).toBe('victim')
    await guests[1]!.run('ip', 'link', 'set', 'dev', 'eth0', 'address', VICTIM.mac)
    await guests[1]!.run('ip', 'addr', 'add', `${VICTIM.ip}/24`, 'dev', 'eth0')
    // The victim sends as well: whoever was heard last is the one, which is the attacker often enough.
    children[0]!.kill('SIGSTOP')
    await answer(1, 'attacker')
    expect(await whoIs(VICTIM.ip)).toBe('attacker')
    await holdBoth()
    children[0]!.kill('SIGCONT')
    for (let i = 0; i < 5; i++) expect(await whoIs(VICTIM.ip)).toBe('victim')
  })

  test('by its IP address: the same', async () => {
    await guests[1]!.run('ip', 'addr', 'add', `${VICTIM.ip}/24`, 'dev', 'eth0')
    await guests[0]!.run('ip', 'link', 'set', 'dev', 'eth0', 'arp', 'off')
    await guests[0]!.run(
      ...(['ip', 'neigh', 'replace', '10.9.0.1', 'lladdr', HOST_MAC, 'dev', 'eth0'] as const),
    )
    await answer(1, 'attacker')
    await host.run('ip', 'neigh', 'flush', 'dev', BRIDGE)
    expect(await whoIs(VICTIM.ip)).toBe('attacker')
    await holdBoth()
    for (let i = 0; i < 5; i++) expect(await whoIs(VICTIM.ip)).toBe('victim')
  })

  test('what the host was told of a guest that is off goes; the others, and an operator, keep theirs', async () => {
    const own = ['10.9.0.99', 'lladdr', '52:54:00:00:00:99', 'dev', BRIDGE, 'nud', 'permanent'] as const
    await host.run('ip', 'neigh', 'add', ...own)
    await holdBoth()
    await holdBoth()
    await anchors.tidy()
    expect((await neighbours()).trim().split('\n')).toHaveLength(3)
    await host.run('ip', 'link', 'del', 'dev', VICTIM.device)
    // Of an agent that knows nothing of those before it.
    for (let i = 0; i < 2; i++) await makeAnchors(makeTools(host.within)).tidy()
    const left = await neighbours()
    expect(left).not.toContain(`${VICTIM.ip} `)
    expect(left).toContain(ATTACKER.ip)
    expect(left).toContain('10.9.0.99')
  })

  test('a device that has gone is nothing to hold; tools that fail are told of', async () => {
    await host.run('ip', 'link', 'del', 'dev', VICTIM.device)
    await anchors.hold(VICTIM)
    expect(await neighbours()).toBe('')
    await anchors.hold({ ...ATTACKER, device: BRIDGE })
    await expect(anchors.hold({ ...ATTACKER, mac: 'no mac' })).rejects.toMatchObject({
      code: 'anchor-failed',
      cause: { code: 'tool-failed' },
    })
  })
})
