// An empty Debian guest with its own systemd, for the installers: commands as root in it, files into it, and ways out of
// its closed network to a chain and to Debian's packages.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer, request } from 'node:http'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { waitForSystem } from '../../agent/src/guest/system-check.ts'
import { testMachine } from '../kvm/machine.ts'

export const run = promisify(execFile)
export const ROOT = join(import.meta.dirname, '../..')

const LEASE = '0xc0ffee'

export type Answer = { code: number | null; text: string }
export type Debian = Awaited<ReturnType<typeof startDebian>>

/** @param size MiB of memory and GiB of disk. */
export const startDebian = async ({ memoryMiB = 1_024, diskGiB = 3, vcpus = 2 } = {}) => {
  const machine = await testMachine('debian-12')
  const servers: Server[] = []
  const tearDown = async () => {
    for (const server of servers) server.close()
    await machine.tearDown()
  }
  try {
    const { hypervisor, network, directory } = machine
    const identity = join(directory, 'id')
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'operator', '-f', identity])
    const given = await machine.specOf(LEASE, await readFile(`${identity}.pub`, 'utf8'))
    const spec = { ...given, memoryMiB, vcpus }
    await run('qemu-img', ['resize', '-q', '-f', 'qcow2', spec.diskPath, `${diskGiB}G`])
    await hypervisor.define(spec)
    await hypervisor.start(LEASE)
    const check = await waitForSystem(hypervisor, LEASE, spec.network.mac, { deadlineMs: 400_000 })
    if (check.state !== 'ready') expect.fail(check.reason)
    const { ipv4, sshHostKey } = check.facts
    const known = join(directory, 'known_hosts')
    await writeFile(known, `${ipv4} ${sshHostKey}\n`)
    const ssh = ['-i', identity, '-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=yes']
    const login = [...ssh, '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=60', `decloud@${ipv4}`]
    const host = network.subnet.replace(/0\/24$/, '1')

    /** As root in the guest; without single quotes. A failure is a result here, not an error. */
    const guest = async (script: string, input?: string): Promise<Answer> => {
      const child = spawn('ssh', [...login, `sudo sh -c '${script}'`], { stdio: ['pipe', 'pipe', 'pipe'] })
      let text = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (data: Buffer) => {
          text += data.toString('utf8')
        })
      }
      if (input === undefined) child.stdin.end()
      else createReadStream(input).pipe(child.stdin)
      await once(child, 'close')
      return { code: child.exitCode, text }
    }
    const send = async (file: string, to: string) => {
      expect((await guest(`cat > ${to}`, file)).code).toBe(0)
    }
    const listen = async (server: Server): Promise<string> => {
      servers.push(server)
      server.listen(0, host)
      await once(server, 'listening')
      return `http://${host}:${(server.address() as AddressInfo).port}`
    }
    return {
      directory,
      guest,
      send,
      /** Lets the guest reach what listens on this machine's loopback alone. */
      listenFor: (target: string) => listen(bridge(Number(new URL(target).port))),
      /** Lets the guest's apt reach the mirrors that this machine reaches. */
      listenForApt: () => listen(aptProxy()),
      tearDown,
    }
  } catch (error) {
    await tearDown()
    throw error
  }
}

const bridge = (port: number) =>
  createServer((socket) => {
    const onward = connect(port, '127.0.0.1')
    socket.pipe(onward).pipe(socket)
    for (const one of [socket, onward]) one.on('error', () => [socket, onward].map((end) => end.destroy()))
  })

const aptProxy = () =>
  createHttpServer((asked, answer) => {
    const onward = request(asked.url!, { method: asked.method, headers: asked.headers }, (from) => {
      answer.writeHead(from.statusCode ?? 502, from.headers)
      from.pipe(answer)
    })
    onward.on('error', () => answer.destroy())
    answer.on('error', () => onward.destroy())
    asked.pipe(onward)
  })

/** A release beside the one that was packed: the same but for what `change` does to it. */
export const variant = async (
  packed: string,
  name: string,
  change: (folder: string) => Promise<void>,
): Promise<string> => {
  const folder = packed.replace(/[^/]*$/, name)
  await mkdir(folder)
  await run('tar', ['-xf', packed, '-C', folder])
  await writeFile(join(folder, 'RELEASE'), `0.1.0-${name}\n`)
  await change(folder)
  const file = `${folder}.tar`
  await run('tar', ['-C', folder, '-cf', file, '.'])
  return file
}

/** Puts `text` in the place of `was` in one file of a release. */
export const edit = async (folder: string, file: string, was: string, text: string) => {
  const path = join(folder, file)
  const source = await readFile(path, 'utf8')
  if (!source.includes(was)) expect.fail(`${file} has no ${was}`)
  await writeFile(path, source.replace(was, text))
}
