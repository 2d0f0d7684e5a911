// Into a guest through the agent's own API: a real chain, real sessions and tickets, a real SSH connection. Only the guest
// behind it is played.
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, realpath, rm, truncate, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leaseAccessAbi } from '@decloud/protocol'
import { ticketSchema } from '@decloud/protocol/wire/access'
import { STREAM_CLOSE } from '@decloud/protocol/wire/terminal'
import { encodeFunctionData, type Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type NodeSession, sessionAt } from '../../scripts/lib/node-session.ts'
import { ROLES } from '../../test/world/market.ts'
import type { Agent } from '../src/main.ts'
import { TERMINAL_LIMITS } from '../src/terminal/terminals.ts'
import { type Bench, makeBench, until } from './helpers/node.ts'
import { noSftpServer, type SshGuest, startSshGuest } from './helpers/ssh-guest.ts'
import { connectStream } from './helpers/stream-client.ts'

const SOON = { timeout: 20_000 }

const skipped = noSftpServer()
if (skipped !== undefined) console.warn(`SKIPPED: streams into a guest: ${skipped}`)

describe.skipIf(skipped !== undefined)('into a guest', () => {
  const stack = new AsyncDisposableStack()
  let bench: Bench
  let guest: SshGuest
  let agent: Agent
  let home: string
  let leaseId: Hex
  let tenant: NodeSession

  beforeAll(async () => {
    home = await realpath(await mkdtemp(join(tmpdir(), 'decloud-home-')))
    stack.defer(() => rm(home, { recursive: true, force: true }))
    guest = await startSshGuest({ home })
    stack.defer(() => guest.close())
    bench = await makeBench()
    stack.defer(() => bench.close())
    agent = await bench.start({
      enterGuest: async () => guest.login,
      terminals: { ...TERMINAL_LIMITS, visitorMs: 200 },
    })
    leaseId = await bench.open()
    await until(agent, leaseId, (vm) => vm.status === 'Running')
    tenant = sessionAt(bench.tenant, agent.url, bench.registered.node)
  })
  afterAll(() => stack.disposeAsync())

  const at = (rest: string) => `${agent.url}/v1/leases/${leaseId}/${rest}`
  const ticket = async (use: string) =>
    ticketSchema.parse(await tenant.ask(`/v1/leases/${leaseId}/tickets`, { for: use })).ticket
  const stream = async (what: 'terminal' | 'console', ...protocols: string[]) =>
    connectStream(at(what).replace('http', 'ws'), {
      protocols: ['decloud.v1', ...protocols],
      acks: what === 'terminal',
    })
  const asked = async (rest: string, init: RequestInit = {}) =>
    fetch(at(rest), {
      ...init,
      headers: { authorization: `Bearer ${await tenant.token()}`, ...init.headers },
    })
  const content = (name: string, more = '') =>
    `files/content?path=${encodeURIComponent(join(home, name))}${more}`
  const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code

  test('a ticket opens one terminal, once, and no other stream', async () => {
    const first = await ticket('terminal')
    const client = await stream('terminal', `ticket.${first}`)
    expect(client.socket.protocol).toBe('decloud.v1')
    client.tell({ type: 'open', cols: 80, rows: 24 })
    await client.until('opened', () => client.replies.length > 0)
    const shell = guest.shells.at(-1)
    client.type('whoami\r')
    await expect.poll(() => shell?.typed()).toBe('whoami\r')
    shell?.channel.write('decloud\r\n')
    await client.until('the answer', () => client.text() === 'decloud\r\n')

    await expect(stream('terminal', `ticket.${first}`)).rejects.toThrow('401')
    await expect(stream('terminal')).rejects.toThrow('401')
    await expect(stream('console', `ticket.${await ticket('terminal')}`)).rejects.toThrow('403')
    client.tell({ type: 'close' })
    expect(await client.closed).toBe(STREAM_CLOSE.ended)
  })

  test('the console answers through a ticket of its own', async () => {
    const client = await stream('console', `ticket.${await ticket('console')}`)
    await client.until('opened', () => client.replies.length > 0)
    client.type('\r')
    await client.until('a prompt', () => client.text().includes('login: '))
    client.socket.close()
    await client.closed
  })

  test('a stranger is let in nowhere', async () => {
    const account = bench.anvil.account(ROLES.stranger)
    const stranger = sessionAt({ chain: bench.tenant.chain, account }, agent.url, bench.registered.node)
    await expect(stranger.token()).rejects.toMatchObject({ code: 'wallet-unknown' })
    for (const [method, rest] of [
      ['GET', 'files'],
      ['GET', content('x')],
      ['PUT', content('x')],
      ['POST', 'files/mkdir'],
      ['POST', 'files/rename'],
      ['POST', 'files/delete'],
      ['GET', 'terminal'],
      ['GET', 'console'],
    ] as const) {
      const response = await fetch(at(rest), { method })
      expect([rest, response.status, await codeOf(response)]).toEqual([rest, 401, 'session-missing'])
    }
    expect(guest.connections().made).toBe(1)
    expect(await readdir(home)).toEqual([])
  })

  test('files go up and down, whole and in part, with their names and kinds', async () => {
    const body = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251))
    const name = 'naïve "file".bin'
    const put = await asked(content(name), { method: 'PUT', body })
    expect([put.status, await put.json()]).toEqual([200, { path: join(home, name), size: body.length }])
    expect((await readFile(join(home, name))).equals(body)).toBe(true)
    const again = await asked(content(name), { method: 'PUT', body: 'other' })
    expect([again.status, await codeOf(again)]).toEqual([412, 'file-exists'])
    expect((await asked(content(name, '&replace=true'), { method: 'PUT', body })).status).toBe(200)

    const whole = await fetch(at(content(name, `&ticket=${await ticket('download')}`)))
    expect(Buffer.from(await whole.arrayBuffer()).equals(body)).toBe(true)
    expect(whole.headers.get('content-disposition')).toBe(
      `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
    )
    expect(whole.headers.get('x-content-type-options')).toBe('nosniff')
    expect(whole.headers.get('content-length')).toBe('300000')
    for (const [range, from, to] of [
      ['bytes=0-0', 0, 1],
      ['bytes=100-199', 100, 200],
      ['bytes=299990-', 299_990, 300_000],
      ['bytes=-10', 299_990, 300_000],
      ['bytes=299990-999999', 299_990, 300_000],
    ] as const) {
      const part = await asked(content(name), { headers: { range } })
      expect([part.status, part.headers.get('content-range')]).toEqual([
        206,
        `bytes ${from}-${to - 1}/300000`,
      ])
      expect(Buffer.from(await part.arrayBuffer()).equals(body.subarray(from, to))).toBe(true)
    }
    for (const range of ['bytes=300000-', 'bytes=-0']) {
      const beyond = await asked(content(name), { headers: { range } })
      expect([beyond.status, await codeOf(beyond)]).toEqual([416, 'range-not-satisfiable'])
    }
    for (const range of ['bytes=9-1', 'lines=1-2', 'bytes=0-1,4-5', 'bytes=-']) {
      const ignored = await asked(content(name), { headers: { range } })
      expect([range, ignored.status]).toEqual([range, 200])
      await ignored.body?.cancel()
    }
    const changed = await asked(content(name), { headers: { range: 'bytes=0-0', 'if-range': '"other"' } })
    expect(changed.status).toBe(200)
    await changed.body?.cancel()
    expect((await asked(content(name), { method: 'HEAD' })).status).toBe(405)
  })

  test('directories are looked at and changed; each refusal has its status', async () => {
    const post = (what: string, body: object) =>
      asked(`files/${what}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const dir = join(home, 'dir')
    expect((await post('mkdir', { path: dir })).status).toBe(200)
    const twice = await post('mkdir', { path: dir })
    expect([twice.status, await codeOf(twice)]).toEqual([412, 'file-exists'])
    await writeFile(join(dir, 'a'), 'a')
    const listed = await asked(`files?path=${encodeURIComponent(dir)}`)
    expect(await listed.json()).toMatchObject({ path: dir, entries: [{ name: 'a', kind: 'file', size: 1 }] })
    const full = await post('delete', { path: dir })
    expect([full.status, await codeOf(full)]).toEqual([409, 'directory-not-empty'])
    expect((await post('rename', { from: join(dir, 'a'), to: join(home, 'b') })).status).toBe(200)
    expect((await post('delete', { path: dir })).status).toBe(200)
    const missing = await asked(`files?path=${encodeURIComponent(dir)}`)
    expect([missing.status, await codeOf(missing)]).toEqual([404, 'file-missing'])
    const first = (await (await asked('files')).json()) as { path: string }
    expect(first.path).toBe(home)
    for (const path of ['relative', '/a/../b', '/a//b', '/a/', '/./a', `/${'a'.repeat(4_095)}`, '/a\0']) {
      const odd = await asked(`files?path=${encodeURIComponent(path)}`)
      expect([path.slice(0, 20), odd.status]).toEqual([path.slice(0, 20), 400])
    }
  })

  test('an upload whose browser leaves in the middle leaves nothing', async () => {
    const before = (await readdir(home)).sort()
    const request = httpRequest(at(content('cut')), {
      method: 'PUT',
      headers: { authorization: `Bearer ${await tenant.token()}`, 'content-length': 10_000_000 },
    })
    request.on('error', () => undefined) // its own abort
    request.write(Buffer.alloc(500_000))
    await expect
      .poll(async () => (await readdir(home)).some((name) => name.startsWith('.decloud-upload-')), {
        timeout: 20_000,
      })
      .toBe(true)
    request.destroy()
    await expect.poll(async () => (await readdir(home)).sort(), { timeout: 20_000 }).toEqual(before)
  })

  test('a transfer ends with the grant of whoever made it, and gives its place back', async () => {
    await writeFile(join(home, 'endless'), '')
    await truncate(join(home, 'endless'), 2 ** 34)
    const onAccess = (functionName: 'grant' | 'revoke', args: readonly unknown[]) =>
      bench.tenant.journal.send({
        ...{ kind: functionName, dedupe: `${functionName}:${args[1]}`, to: bench.deployment.leaseAccess! },
        data: encodeFunctionData({ abi: leaseAccessAbi as readonly unknown[], functionName, args }),
      })
    const account = bench.anvil.account(40)
    await onAccess('grant', [leaseId, account.address, 2])
    const friend = sessionAt({ chain: bench.tenant.chain, account }, agent.url, bench.registered.node)
    const isKnown = () =>
      friend.token().then(
        () => true,
        () => false, // the node has not heard of the grant yet
      )
    await expect.poll(isKnown, SOON).toBe(true)
    const authorization = `Bearer ${await friend.token()}`
    const before = await readdir(home)
    // One that takes nothing, and one that sends a byte now and then: neither would ever be late.
    const down = await fetch(at(content('endless')), { headers: { authorization } })
    expect(down.status).toBe(200)
    const up = httpRequest(at(content('drip')), { method: 'PUT', headers: { authorization } })
    const hungUp = new Promise((resolve) => up.on('error', resolve))
    const drip = setInterval(() => up.write('.'), 100)
    await expect.poll(async () => (await readdir(home)).length, SOON).toBe(before.length + 1)
    await onAccess('revoke', [leaseId, account.address])
    await hungUp
    clearInterval(drip)
    await expect(down.body?.pipeTo(new WritableStream())).rejects.toThrow()
    await expect.poll(async () => (await readdir(home)).sort(), SOON).toEqual(before.sort())
    expect((await asked('files')).status, 'its tenant stays').toBe(200)
    await rm(join(home, 'endless'))
  }, 60_000)

  test('an upload may take longer than any other request, and another body may not', async () => {
    const send = async (path: string, method: string, headers: Record<string, string>) => {
      const request = httpRequest(at(path), {
        method,
        headers: { authorization: `Bearer ${await tenant.token()}`, 'content-length': 2, ...headers },
      })
      request.on('error', () => undefined)
      request.write('{')
      const answered = once(request, 'response').then(
        ([response]) => (response as { statusCode: number }).statusCode,
      )
      return { request, answered }
    }
    const slow = await send(content('slow'), 'PUT', {})
    const late = await send('files/mkdir', 'POST', { 'content-type': 'application/json' })
    expect(await late.answered).toBe(408)
    slow.request.end('}')
    expect(await slow.answered).toBe(200)
    expect(await readFile(join(home, 'slow'), 'utf8')).toBe('{}')
  })

  test('a browser on a page far away is told by the preflight what it may send', async () => {
    const response = await fetch(at('files/content'), { method: 'OPTIONS' })
    expect(response.headers.get('access-control-allow-methods')).toContain('PUT')
    expect(response.headers.get('access-control-allow-headers')).toContain('authorization')
  })

  test('an agent that stops tells its terminals, and leaves nobody inside the guest', async () => {
    const client = await stream('terminal', `ticket.${await ticket('terminal')}`)
    client.tell({ type: 'open', cols: 80, rows: 24 })
    await client.until('opened', () => client.replies.length > 0)
    await agent.close()
    expect(await client.closed).toBe(STREAM_CLOSE.stopping)
    await expect.poll(() => guest.connections().open, { timeout: 10_000 }).toBe(0)
  })
})
