// An SSH connection from the agent into a guest, with the guest's host key pinned.
import ssh2, { type ClientChannel, type SFTPWrapper } from 'ssh2'
import { AgentError } from '../lib/errors.ts'
import type { GuestLogin } from '../ports/guest-login.ts'

/** Key exchange under emulation takes seconds, more of them on a busy machine. */
const CONNECT_MS = 30_000
const CHANNEL_MS = 15_000
/** A guest that is gone without a word is noticed within a minute. */
const KEEPALIVE = { keepaliveInterval: 15_000, keepaliveCountMax: 3 } as const

export type TerminalSize = { readonly cols: number; readonly rows: number }

export type GuestClient = {
  /** A login shell on a terminal of its own. */
  shell(size: TerminalSize): Promise<ClientChannel>
  sftp(): Promise<SFTPWrapper>
  /** Called once, when the connection has ended for whatever reason. */
  onClose(listener: () => void): void
  close(): void
}

/** @throws AgentError `guest-unreachable`, `guest-host-key`, `guest-login-refused`. */
export const connectGuest = (login: GuestLogin): Promise<GuestClient> => {
  const client = new ssh2.Client()
  const [type = '', blob = ''] = login.hostKey.split(' ')
  const pinned = Buffer.from(blob, 'base64')
  let strange = false
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => {
      client.destroy()
      reject(strange ? hostKeyChanged() : connectError(cause))
    }
    client.once('ready', () => {
      client.removeListener('error', fail)
      // From here on an error is followed by `close`, which is what the users of the connection wait for.
      client.on('error', () => undefined)
      resolve(guestClient(client))
    })
    client.on('error', fail)
    client.once('close', () => fail(undefined))
    client.connect({
      ...{ host: login.host, port: login.port, username: login.username, privateKey: login.privateKey },
      hostVerifier: (key: Buffer) => {
        strange = !key.equals(pinned)
        return !strange
      },
      // Typed as a union of names; one that ssh2 does not know is refused by it with its own sentence.
      algorithms: { serverHostKey: [type as 'ssh-ed25519'] },
      readyTimeout: CONNECT_MS,
      ...KEEPALIVE,
    })
    // ssh2 writes a packet in parts and leaves Nagle's algorithm on, which holds the last part back until the guest's
    // delayed acknowledgement: 40 ms for every key that is typed and every question to SFTP.
    client.setNoDelay(true)
  })
}

const guestClient = (client: ssh2.Client): GuestClient => ({
  shell: ({ cols, rows }) =>
    channel('a shell', (done) => client.shell({ term: 'xterm-256color', cols, rows }, done)),
  sftp: () => channel('its files', (done) => client.sftp(done)),
  onClose: (listener) => client.once('close', listener),
  // Not `end`, which would wait for a peer that may be stuck: whoever closes has heard of all that he sent.
  close: () => client.destroy(),
})

/** The guest's sshd may be stuck with the connection alive: nothing else would end the wait. */
const channel = <opened extends { end(): unknown }>(
  what: string,
  open: (done: (error: Error | undefined, opened: opened) => void) => unknown,
): Promise<opened> =>
  new Promise((resolve, reject) => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      reject(refusedChannel(what))
    }, CHANNEL_MS)
    const done = (error: Error | undefined, opened: opened) => {
      clearTimeout(timer)
      if (error !== undefined) reject(refusedChannel(what, error))
      else if (late) opened.end()
      else resolve(opened)
    }
    try {
      open(done)
    } catch (cause) {
      // ssh2 throws at once when the connection has ended meanwhile.
      clearTimeout(timer)
      reject(refusedChannel(what, cause))
    }
  })

const refusedChannel = (what: string, cause?: unknown) =>
  new AgentError('guest-unreachable', `The guest's SSH server did not open ${what}.`, {
    hint: 'Try again; if it stays so, look at the guest through its serial console.',
    cause,
  })

const hostKeyChanged = () =>
  new AgentError('guest-host-key', 'The guest shows another SSH host key than the one that it reported.', {
    hint: 'If you made a new key inside the guest, reboot the guest so that it is reported again.',
  })

const connectError = (cause: unknown) => {
  if (cause instanceof Error && 'level' in cause && cause.level === 'client-authentication') {
    return new AgentError('guest-login-refused', "The guest's SSH server refused the node's own login.", {
      hint: 'The serial console still works; what sshd accepts is set inside the guest.',
      cause,
    })
  }
  return new AgentError('guest-unreachable', "The guest's SSH server does not answer.", {
    hint: 'Wait until the guest has booted, or look at it through its serial console.',
    cause,
  })
}
