// The scripts as a guest would run them, on this machine: real shells, real tools, real servers. A guest is made poorer by
// a PATH that holds only some of the tools.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Server as TcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkOf, type ReadinessCheck, type Service } from '@decloud/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkService, listensOn, readAnswers } from '../../src/guest/service-check.ts'
import { type GuestExecResult, type Hypervisor, HypervisorError } from '../../src/ports/hypervisor.ts'

const LEASE = `0x${'11'.repeat(32)}` as const
const OWN_ADDRESS = '127.0.0.2'
const BUSYBOX = '/usr/bin/busybox'
const OPENSSL = '/usr/bin/openssl'

/** What a guest has in its PATH, by program; busybox stands for several. */
const GUESTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'curl, as in most images': { curl: '/usr/bin/curl', timeout: '/usr/bin/timeout' },
  'bash alone, as in a stock Debian': { bash: '/bin/bash', timeout: '/usr/bin/timeout' },
  'bash without timeout': { bash: '/bin/bash' },
  'busybox, as in Alpine and the tiny guest': { nc: BUSYBOX, head: BUSYBOX, timeout: BUSYBOX, sh: BUSYBOX },
  'python alone, as cloud-init brings it': { python3: '/usr/bin/python3', timeout: '/usr/bin/timeout' },
}

const directories: string[] = []
const servers: (Server | TcpServer)[] = []
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
  for (const server of servers) server.close()
})

const listening = (server: Server | TcpServer, host = '127.0.0.1'): Promise<number> =>
  new Promise((resolve) => {
    servers.push(server)
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port))
  })

/** Runs argv as a guest agent does, with no PATH but the one given. */
const guestWith = (tools: Readonly<Record<string, string>>): Pick<Hypervisor, 'exec'> => {
  const path = mkdtempSync(join(tmpdir(), 'decloud-guest-'))
  directories.push(path)
  for (const [name, target] of Object.entries({ cat: '/bin/cat', ...tools }))
    symlinkSync(target, join(path, name))
  const shell = tools['sh'] === undefined ? [] : [join(path, 'sh')]
  return {
    exec: (_, [program, ...args], timeoutMs = 30_000) =>
      new Promise<GuestExecResult>((resolve, reject) => {
        const file = program === '/bin/sh' ? (shell[0] ?? program) : program
        const child = spawn(file, args, {
          env: { PATH: path },
          timeout: timeoutMs,
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        let [stdout, stderr] = ['', '']
        child.stdout.on('data', (part: Buffer) => {
          stdout += String(part)
        })
        child.stderr.on('data', (part: Buffer) => {
          stderr += String(part)
        })
        child.on('error', (error) => reject(new HypervisorError('agent-error', error.message)))
        child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }))
      }),
  }
}

const look = (guest: Pick<Hypervisor, 'exec'>, service: Omit<Service, 'name'>) =>
  checkService(guest, LEASE, checkOf({ name: 'web', ...service }), OWN_ADDRESS)

let http = 0
let elsewhere = 0
let closed = 0
const seen: { url: string | undefined; host: string | undefined }[] = []

beforeAll(async () => {
  const server = createServer(({ url, headers }, answer) => {
    seen.push({ url, host: headers.host })
    if (url === '/hangs') return
    answer.statusCode = url === '/' ? 204 : url === '/moved' ? 302 : url === '/broken' ? 502 : 404
    if (url === '/moved') answer.setHeader('location', '/')
    answer.end()
  })
  http = await listening(server)
  elsewhere = await listening(
    createServer((_, answer) => answer.end('yes')),
    OWN_ADDRESS,
  )
  const gone = createTcp()
  closed = await listening(gone)
  await new Promise<void>((done) => gone.close(() => done()))
})

describe.each(Object.entries(GUESTS))('in a guest with %s', (_, tools) => {
  const missing = Object.values(tools).some((file) => !existsSync(file))
  const guest = missing ? null : guestWith(tools)
  const web = (path: string) => look(guest!, { port: http, protocol: 'http', check: { path } })

  it.skipIf(missing)('a page that answers 2xx is up, and any other answer is told', async () => {
    expect(await web('/')).toEqual({ kind: 'up' })
    expect(await web('/moved')).toEqual({ kind: 'down', message: '/moved answers 302, not 2xx' })
    expect(await web('/broken')).toEqual({ kind: 'down', message: '/broken answers 502, not 2xx' })
    expect(seen.at(-1)).toEqual({ url: '/broken', host: 'localhost' })
  })

  it.skipIf(missing)('a port where nobody answers is down', async () => {
    const gone = await look(guest!, { port: closed, protocol: 'http' })
    expect(gone).toEqual({ kind: 'down', message: '/ does not answer' })
    expect(await look(guest!, { port: closed, protocol: 'tcp' })).toEqual({
      kind: 'down',
      message: `nothing listens on port ${closed}`,
    })
  })

  it.skipIf(missing)("a service on the guest's own address alone is found there", async () => {
    expect(await look(guest!, { port: elsewhere, protocol: 'http' })).toEqual({ kind: 'up' })
  })

  it.skipIf(missing)('what a tenant writes is never shell', async () => {
    const sign = join(tmpdir(), `decloud-injected-${process.pid}`)
    for (const path of [
      `/$(touch${'$'}{IFS}${sign})`,
      `/;touch\t${sign}`.replace('\t', '%09'),
      `/\`touch${sign}\``,
      '/\'"$@',
    ]) {
      expect((await web(path)).kind).toBe('down')
      expect(seen.at(-1)?.url).toBe(path)
    }
    expect(existsSync(sign)).toBe(false)
  })

  it.skipIf(missing || !('timeout' in tools))('a page that never comes is given up', async () => {
    const check = checkOf({ name: 'web', port: http, protocol: 'http', check: { path: '/hangs' } })
    const limits = { http: 1, tcp: 1, exec: 1 }
    // By the tool's own limit, long before whoever asks would end the whole look.
    let cutOff = false
    const asked: Pick<Hypervisor, 'exec'> = {
      exec: async (...args) => {
        const result = await guest!.exec(...args)
        cutOff = result.exitCode === null
        return result
      },
    }
    const seen = await checkService(asked, LEASE, check, OWN_ADDRESS, limits)
    expect(seen).toEqual({ kind: 'down', message: '/hangs does not answer' })
    expect(cutOff).toBe(false)
  })
})

describe('the port of a service', () => {
  it('is found in the tables of the kernel, without any tool', async () => {
    const guest = guestWith({})
    expect(await look(guest, { port: http, protocol: 'tcp' })).toEqual({ kind: 'up' })
    expect(listensOn(readFileSync('/proc/net/tcp', 'utf8'), closed)).toBe(false)
  })

  it('that is only connected, and not listened on, is not up', () => {
    const table = `  sl  local_address rem_address   st
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000
   1: 0100007F:1F91 0100007F:C350 01 00000000:00000000`
    expect(listensOn(table, 0x1f90)).toBe(true)
    expect(listensOn(table, 0x1f91)).toBe(false)
  })

  it.skipIf(!existsSync('/bin/bash'))('that is forwarded, and in no table, is dialled', async () => {
    const real = guestWith({ bash: '/bin/bash' })
    const guest: Pick<Hypervisor, 'exec'> = {
      exec: (lease, argv, ms) =>
        argv[0] === 'cat'
          ? Promise.resolve({ exitCode: 0, stdout: '', stderr: '' })
          : real.exec(lease, argv, ms),
    }
    expect(await look(guest, { port: http, protocol: 'both' })).toEqual({ kind: 'up' })
  })
})

describe('a page over TLS', () => {
  const tools = [
    ['curl', '/usr/bin/curl'],
    ['python3', '/usr/bin/python3'],
  ] as const
  // Tools of guests: the machine of the test need not have them.
  it.skipIf(!existsSync(OPENSSL)).each(tools.filter(([, file]) => existsSync(file)))(
    'is asked for with %s, whoever signed its certificate',
    async (name, file) => {
      const directory = mkdtempSync(join(tmpdir(), 'decloud-tls-'))
      directories.push(directory)
      const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
      execFileSync(
        OPENSSL,
        [
          'req',
          '-x509',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-subj',
          '/CN=guest',
          '-days',
          '1',
          '-keyout',
          key,
          '-out',
          cert,
        ],
        { stdio: 'ignore' },
      )
      const { createServer: createTls } = await import('node:https')
      const port = await listening(
        createTls({ key: readFileSync(key), cert: readFileSync(cert) }, (_, answer) => answer.end('yes')),
      )
      expect(await look(guestWith({ [name]: file }), { port, protocol: 'wss' })).toEqual({ kind: 'up' })
    },
  )

  it('is not asked for in the clear where no tool speaks TLS', async () => {
    const guest = guestWith({ bash: '/bin/bash' })
    expect(await look(guest, { port: http, protocol: 'https' })).toMatchObject({ kind: 'unknown' })
  })
})

describe('a program of the tenant', () => {
  const run = (command: string[], tools: Record<string, string> = { timeout: '/usr/bin/timeout' }) =>
    look(guestWith(tools), { port: 1, protocol: 'tcp', check: { kind: 'ExecCommand', command } })

  it('is up when it ends with 0, and says why when it does not', async () => {
    expect(await run(['/bin/true'])).toEqual({ kind: 'up' })
    expect(await run(['/bin/sh', '-c', 'echo "no\u0007 leader" >&2; exit 3'])).toEqual({
      kind: 'down',
      message: '/bin/sh ends with 3: no leader',
    })
  })

  it('gets its arguments as they are', async () => {
    const command = ['/usr/bin/test', '$(echo a) ; b', '=', '$(echo a) ; b']
    expect(await run(command)).toEqual({ kind: 'up' })
  })

  it('runs in a guest that cannot limit it', async () =>
    expect(await run(['/bin/true'], {})).toEqual({ kind: 'up' }))

  it('is ended when it does not end, so that looks do not pile up', async () => {
    const check = checkOf({
      ...{ name: 'web', port: 1, protocol: 'tcp' },
      check: { kind: 'ExecCommand', command: ['/bin/sleep', '4242'] },
    })
    const guest = guestWith({ timeout: '/usr/bin/timeout' })
    const limits = { http: 1, tcp: 1, exec: 1 }
    expect(await checkService(guest, LEASE, check, OWN_ADDRESS, limits)).toEqual({
      kind: 'down',
      message: '/bin/sleep does not end within 1 s',
    })
    const left = readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .some((pid) => commandOf(pid).includes('sleep\x004242'))
    expect(left).toBe(false)
  })
})

const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // it has ended since it was listed
  }
}

describe('what a guest cannot tell', () => {
  const http80: ReadinessCheck = checkOf({ name: 'web', port: 80, protocol: 'http' })
  const failing = (code: HypervisorError['code']): Pick<Hypervisor, 'exec'> => ({
    exec: () => Promise.reject(new HypervisorError(code, 'no')),
  })

  it('is unknown, not down: no tool, no agent, an agent that may not', async () => {
    expect(await checkService(guestWith({}), LEASE, http80, OWN_ADDRESS)).toMatchObject({ kind: 'unknown' })
    for (const code of ['agent-not-ready', 'agent-error'] as const) {
      expect(await checkService(failing(code), LEASE, http80, OWN_ADDRESS)).toMatchObject({ kind: 'unknown' })
    }
  })

  it('is not taken for an answer when the hypervisor itself fails', async () => {
    await expect(checkService(failing('unavailable'), LEASE, http80, OWN_ADDRESS)).rejects.toMatchObject({
      code: 'unavailable',
    })
  })

  it('says of answers only what they are, however odd', () => {
    expect(readAnswers('HTTP/1.1 200 OK\r\n', '/')).toEqual({ kind: 'up' })
    expect(readAnswers('000\n\n', '/')).toEqual({ kind: 'down', message: '/ does not answer' })
    expect(readAnswers('2000\nSSH-2.0-200\nHTTP/1.1 2000\n', '/')).toMatchObject({ kind: 'down' })
  })
})
