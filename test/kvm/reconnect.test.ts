import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLibvirt } from '../../agent/src/hypervisor/libvirt/driver.ts'
import { type LibvirtUp, libvirtMissing, libvirtUp } from '../../scripts/lib/libvirt-up.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: reconnection to libvirtd: ${missing}`)

let directory = ''
let daemons: LibvirtUp | undefined
beforeAll(async () => {
  if (missing) return
  directory = await mkdtemp(join(tmpdir(), 'decloud-reconnect-'))
  await chmod(directory, 0o700)
  daemons = await libvirtUp()
})
afterAll(async () => {
  await daemons?.stop()
  if (directory) await rm(directory, { recursive: true, force: true })
})

/** Stands before the daemon's socket, so that the daemon can seem to die without taking others' guests along. */
async function listen(path: string): Promise<{ die(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    const upstream = createConnection('/run/libvirt/libvirt-sock')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
    }
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return {
    async die() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

test.skipIf(missing)('a daemon that goes away is unavailable, and found again when it returns', async () => {
  const path = join(directory, 'sock')
  const first = await listen(path)
  const hypervisor = await openLibvirt({
    uri: `qemu+unix:///system?socket=${path}`,
    instance: 'reconnect',
    acceleration: 'auto',
  })
  try {
    const heard: string[] = []
    hypervisor.subscribe(({ kind }) => heard.push(kind))
    expect(await hypervisor.list()).toEqual([])
    await first.die()
    await expect(hypervisor.list()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('Is libvirtd running'),
    })
    for (let i = 0; i < 100 && !heard.includes('disconnected'); i++) await sleep(50)
    const second = await listen(path)
    try {
      expect(await hypervisor.list()).toEqual([])
      for (let i = 0; i < 150 && !heard.includes('reconnected'); i++) await sleep(50)
      expect(heard).toEqual(['disconnected', 'reconnected'])
    } finally {
      await hypervisor.close()
      await second.die()
    }
  } finally {
    await hypervisor.close()
  }
})

test.skipIf(missing)('a daemon that never was is unavailable at once', async () => {
  const options = {
    uri: `qemu+unix:///system?socket=${directory}/none`,
    instance: 'nobody',
    acceleration: 'auto',
  } as const
  await expect(openLibvirt(options)).rejects.toMatchObject({ code: 'unavailable' })
})
