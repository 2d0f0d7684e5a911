import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadPeerKey, makeMesh } from '../src/index.ts'
import { describeGossip } from './contract.ts'
import { bytes, type Group, MAX_BYTES, makeGroup, type Start, TOPIC, until } from './world.ts'

const start: Start = async (options) =>
  makeMesh({ ...options, key: await generateKeyPair('Ed25519'), maxMessageBytes: MAX_BYTES })

describe('the mesh', () => {
  describeGossip(start)
})

describe('on a real network', () => {
  let folder: string
  let group: Group
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gossip-'))
    group = makeGroup(start)
  })
  afterEach(async () => {
    await group.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('finds a peer again that went and came back at the same address', async () => {
    const key = await loadPeerKey(join(folder, 'peer.key'))
    const options = { topic: TOPIC, key, maxMessageBytes: MAX_BYTES, bootstrap: [] }
    const heard: string[] = []
    const ear = async (message: Uint8Array) => {
      heard.push(new TextDecoder().decode(message))
      return 'accept' as const
    }
    const first = await makeMesh({ ...options, ear, listen: ['/ip4/127.0.0.1/tcp/0'] })
    const [address] = first.addresses()
    const errors: unknown[] = []
    const member = await group.join({ bootstrap: [address!], listen: [], onError: (e) => errors.push(e) })
    await until(() => member.listeners() === 1, 'connected')
    await first.close()
    await until(() => member.listeners() === 0, 'gone')
    await until(() => errors.length > 0, 'a dial that failed')
    const listen = [address!.replace(/\/p2p\/.*/, '')]
    const second = await makeMesh({ ...options, ear, listen })
    try {
      expect(second.peerId).toBe(first.peerId)
      await until(() => member.listeners() === 1, 'connected again', 25_000)
      await member.publish(bytes('one'))
      await until(() => heard.includes('one'), 'heard')
    } finally {
      await second.close()
    }
    expect(errors.map((error) => (error as { code: string }).code)).toEqual(['peer-unreachable'])
  }, 60_000)

  it('is met by many from one address at once', async () => {
    const hub = await group.join()
    const members = await Promise.all(
      Array.from({ length: 12 }, () => group.join({ bootstrap: hub.addresses(), listen: [], deaf: true })),
    )
    await until(() => members.every((member) => member.listeners() === 1), 'all connected')
    for (const [i, member] of members.entries()) await member.publish(bytes(`from ${i}`))
    await until(() => hub.heard.length === 12, 'all heard')
  })

  it('says that its port is taken, or its address no address', async () => {
    const squatter = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => squatter.once('listening', resolve))
    const { port } = squatter.address() as { port: number }
    try {
      await expect(group.join({ listen: [`/ip4/127.0.0.1/tcp/${port}`] })).rejects.toMatchObject({
        code: 'gossip-unusable',
      })
    } finally {
      squatter.close()
    }
    await expect(group.join({ bootstrap: ['http://x'] })).rejects.toMatchObject({ code: 'multiaddr-invalid' })
  })

  it('keeps its key to itself, and says when it cannot be used', async () => {
    const path = join(folder, 'deep', 'peer.key')
    const key = await loadPeerKey(path)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await chmod(path, 0o644)
    expect((await loadPeerKey(path)).raw).toEqual(key.raw)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    for (const content of ['', 'ff', 'g'.repeat(128)]) {
      await writeFile(path, content)
      await expect(loadPeerKey(path)).rejects.toMatchObject({ code: 'peer-key-unusable' })
    }
    await expect(loadPeerKey(folder)).rejects.toMatchObject({ code: 'peer-key-unusable' })
  })
})
