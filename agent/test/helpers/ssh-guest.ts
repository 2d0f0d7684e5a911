// A guest as the agent meets it over SSH, on loopback: ssh2's own server for the transport, whose shells the test plays
// itself, and OpenSSH's real sftp-server for files.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import ssh2, { type ServerChannel, type Session, type SFTPWrapper } from 'ssh2'
import type { GuestLogin } from '../../src/ports/guest-login.ts'
import { makeKeyPair } from '../../src/ssh/key-pair.ts'

const SFTP_SERVER = '/usr/lib/openssh/sftp-server'
/** Why files cannot be tried here; undefined when they can. In CI a missing program is a failure, not a skip. */
export const noSftpServer = (): string | undefined =>
  existsSync(SFTP_SERVER) || process.env['CI'] === 'true'
    ? undefined
    : `${SFTP_SERVER} is missing (apt-get install openssh-sftp-server)`

export type PlayedShell = {
  channel: ServerChannel
  /** Columns and rows, as they were asked for so far. */
  sizes: (readonly [cols: number, rows: number])[]
  /** All that was typed. */
  typed(): string
}

export type SshGuest = {
  login: GuestLogin
  shells: PlayedShell[]
  /** Called for each shell as it is opened. */
  onShell(play: (shell: PlayedShell) => void): void
  /** Connections made so far, and those that are open. */
  connections(): { made: number; open: number }
  /** Cuts every connection, as a guest that is powered off. */
  cut(): void
  close(): Promise<void>
}

/**
 * @param options.home where its SFTP server begins.
 * @param options.sftp plays the SFTP server instead: whoever leases a guest may run any in it.
 */
export const startSshGuest = async (
  options: { home?: string; sftp?: (sftp: SFTPWrapper) => void } = {},
): Promise<SshGuest> => {
  const host = makeKeyPair()
  const client = makeKeyPair()
  const allowed = ssh2.utils.parseKey(client.publicKey)
  if (allowed instanceof Error) throw allowed
  const shells: PlayedShell[] = []
  const sockets = new Set<{ end(): unknown }>()
  const servers = new Set<Promise<unknown>>()
  let connections = 0
  let play: (shell: PlayedShell) => void = () => {}

  const server = new ssh2.Server({ hostKeys: [host.privateKey] }, (connection) => {
    connections++
    sockets.add(connection)
    connection.on('close', () => sockets.delete(connection))
    connection.on('error', () => undefined) // a client that hangs up
    connection.on('authentication', (context) => {
      if (context.method !== 'publickey' || !context.key.data.equals(allowed.getPublicSSH())) {
        context.reject(['publickey'])
      } else if (context.signature && context.blob) {
        if (allowed.verify(context.blob, context.signature, context.hashAlgo) === true) context.accept()
        else context.reject()
      } else context.accept()
    })
    connection.on('session', (accept) => serve(accept()))
  })

  const serve = (session: Session) => {
    const sizes: [number, number][] = []
    session.on('pty', (accept, _, { cols, rows }) => {
      sizes.push([cols, rows])
      accept()
    })
    session.on('window-change', (accept, _, { cols, rows }) => {
      sizes.push([cols, rows])
      accept?.()
    })
    session.on('shell', (accept) => {
      const channel = accept()
      let typed = ''
      channel.on('data', (bytes: Buffer) => {
        typed += bytes.toString()
      })
      channel.on('error', () => undefined)
      const shell = { channel, sizes, typed: () => typed }
      shells.push(shell)
      play(shell)
    })
    const { sftp } = options
    if (sftp !== undefined) session.on('sftp', (accept) => sftp(accept()))
    session.on('subsystem', (accept, _, { name }) => {
      if (name !== 'sftp') return
      const channel = accept()
      const child = spawn(SFTP_SERVER, options.home === undefined ? [] : ['-d', options.home], {
        stdio: ['pipe', 'pipe', 'ignore'],
      })
      channel.pipe(child.stdin)
      child.stdout.pipe(channel)
      child.stdin.on('error', () => undefined) // it ended first
      channel.on('close', () => child.kill())
      const ended: Promise<unknown> = once(child, 'exit').then(() => servers.delete(ended))
      servers.add(ended)
    })
  }

  // As OpenSSH's server does for a session; ssh2's own listener would hold small answers back.
  const listener = createServer({ noDelay: true }, (socket) => server.injectSocket(socket))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  return {
    login: {
      ...{ host: '127.0.0.1', port, username: 'decloud', privateKey: client.privateKey },
      hostKey: host.publicKey,
    },
    shells,
    onShell: (player) => {
      play = player
    },
    connections: () => ({ made: connections, open: sockets.size }),
    cut: () => {
      for (const socket of sockets) socket.end()
    },
    close: async () => {
      for (const socket of sockets) socket.end()
      const closed = once(listener, 'close')
      listener.close()
      await closed
      await Promise.all(servers)
    },
  }
}
