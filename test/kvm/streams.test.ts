// Inside a real Debian guest through the agent, as a process of its own: the terminal, the files, the serial console when
// sshd is broken, and the terminal once more from a real Chromium.
import { execFile } from 'node:child_process'
import { chmod, mkdir } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { ticketSchema } from '@decloud/protocol/wire/access'
import { STREAM_CLOSE } from '@decloud/protocol/wire/terminal'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectStream, type StreamClient } from '../../agent/test/helpers/stream-client.ts'
import { builtWeb } from '../../scripts/lib/build-web.ts'
import { makeKey, runInGuest } from '../../scripts/lib/guest-shell.ts'
import { buildImage } from '../../scripts/lib/images.ts'
import { type Leftovers, startReaper } from '../../scripts/lib/leftovers.ts'
import { libvirtMissing, libvirtUp } from '../../scripts/lib/libvirt-up.ts'
import { type NodeSession, sessionAt } from '../../scripts/lib/node-session.ts'
import { makeTenant, openLease, type Tenant } from '../../scripts/lib/tenant.ts'
import { waitActive } from '../../scripts/lib/tenant-view.ts'
import { until } from '../../scripts/lib/until.ts'
import { serveStatic } from '../../web/serve.ts'
import { noBrowser, openBrowser } from '../e2e/browser.ts'
import { makeCuttable } from '../e2e/cuttable.ts'
import { connect } from '../e2e/tenant.ts'
import { installWallet } from '../e2e/wallet.ts'
import { type AgentProcess, startAgentProcess } from '../world/agent-process.ts'
import { type RegisteredNode, ROLES, registerNode, SMALL_NODE, setEndpoint } from '../world/market.ts'
import { LIBVIRT, networkOf } from '../world/node.ts'
import { startWorld, type World } from '../world/world.ts'
import { bytesOf, memoryDuring, sha256Of } from './bulk.ts'

const missing = await libvirtMissing()
if (missing) console.warn(`SKIPPED: inside a real guest: ${missing}`)
const noChromium = noBrowser()
if (noChromium !== undefined) console.warn(`SKIPPED: a real guest from Chromium: ${noChromium}`)

const PASSWORD = 'correct horse battery staple'
const MIB = 1 << 20
const BULK = 256 * MIB
/** Of the agent, above what it took before: V8 lets about 64 MiB of buffers that nobody holds lie before it collects. */
const MOST_GROWTH = 128 * MIB
const MOST_DRIFT = 32 * MIB
const SLOW = 120_000

describe.skipIf(missing !== null)('inside a real guest', () => {
  let leftovers: Leftovers
  let world: World
  let tenant: Tenant
  let registered: RegisteredNode
  let agent: AgentProcess
  let session: NodeSession
  let leaseId: Hex
  let ssh: { host: string; port: number }
  let inGuest: (command: string) => Promise<string>

  beforeAll(async () => {
    leftovers = await startReaper()
    const imageDir = await buildImage('debian-12')
    await libvirtUp(leftovers)
    world = await startWorld({ hypervisor: 'libvirt', nodes: 0, leftovers })
    const { anvil, deployment, directory } = world
    const account = anvil.account(ROLES.tenant)
    tenant = await makeTenant({ rpcUrls: [anvil.rpcUrl], deployment, account })
    registered = await registerNode(anvil, deployment, {
      ...{ nth: 0, offer: SMALL_NODE, endpoint: '', agentFunds: 10n ** 18n },
    })
    const dataDir = join(directory, 'node')
    await mkdir(dataDir)
    for (const path of [directory, dataDir]) await chmod(path, 0o711)
    const network = networkOf(0)
    leftovers.add({ kind: 'network', uri: LIBVIRT, name: network.name })
    agent = await startAgentProcess({ anvil, deployment, registered, dataDir, imageDir, network })
    await leftovers.process(agent.pid)

    const key = await makeKey(directory)
    const crypt = await promisify(execFile)('openssl', ['passwd', '-6', '-salt', 'decloud', PASSWORD])
    const opened = await openLease(tenant, {
      node: registered.node,
      // Unmetered: what is looked at is the agent's memory, which the slowest tier would only stretch.
      resources: { vcpus: 2, tier: 1, bandwidth: 3, gpus: 0, memoryMiB: 1_024, diskGiB: 3 },
      hours: 2,
      manifest: {
        ...{ version: 1, image: 'debian-12', hostname: 'inside', variables: {} },
        ...{ sshKeys: [key.publicKey], passwordHash: crypt.stdout.trim() },
      },
    })
    leaseId = opened.leaseId
    const { report } = await waitActive(tenant, leaseId, { endpoint: agent.url })
    const line = report?.ssh
    if (!line) throw new Error(`no address in ${JSON.stringify(report)}`)
    ssh = line
    inGuest = (command) => runInGuest(directory, key, line, command)
    session = sessionAt(tenant, agent.url, registered.node)
  }, 900_000)

  afterAll(async () => {
    await agent?.stop()
    await tenant?.close()
    await world?.close()
    await leftovers?.reap()
  }, 120_000)

  const at = (rest: string) => new URL(`/v1/leases/${leaseId}/${rest}`, agent.url)
  const stream = async (what: 'terminal' | 'console', options: { offset?: number } = {}) => {
    const { ticket } = ticketSchema.parse(await session.ask(`/v1/leases/${leaseId}/tickets`, { for: what }))
    const protocols = ['decloud.v1', `ticket.${ticket}`]
    // A console acknowledges nothing.
    return connectStream(at(what).href.replace('http', 'ws'), {
      ...options,
      protocols,
      acks: what === 'terminal',
    })
  }
  const open = async (): Promise<StreamClient> => {
    const client = await stream('terminal')
    client.tell({ type: 'open', cols: 80, rows: 24 })
    await client.until('opened', () => client.replies.length > 0, SLOW)
    expect(client.replies[0]).toMatchObject({ type: 'opened' })
    return client
  }
  const listens = () =>
    new Promise<boolean>((resolve) => {
      const socket = createConnection(ssh.port, ssh.host)
      socket.on('connect', () => {
        resolve(true)
        socket.destroy()
      })
      socket.on('error', () => resolve(false))
    })
  const says = (client: StreamClient, what: RegExp) =>
    client.until(String(what), () => what.test(client.text()), SLOW)

  test('a command is typed into the terminal, and `stty size` sees every resize', async () => {
    const client = await open()
    client.type('echo $((6 * 7))-$(hostname)-$(id -un)\r')
    await says(client, /^42-inside-decloud\r$/m)
    client.type('stty size\r')
    await says(client, /^24 80\r$/m)
    client.tell({ type: 'resize', cols: 132, rows: 43 })
    client.type('stty size\r')
    await says(client, /^43 132\r$/m)
    client.type('exit 7\r')
    expect(await client.closed).toBe(STREAM_CLOSE.ended)
    expect(client.replies.at(-1)).toEqual({ type: 'exit', code: 7, signal: null })
  })

  test('a terminal that drops in the middle of its output goes on without loss or repetition', async () => {
    const wanted = Array.from({ length: 60_000 }, (_, i) => `${i + 1}\r\n`).join('')
    let client = await open()
    const [opened] = client.replies
    const id = opened?.type === 'opened' ? opened.session : ''
    // No line editor, which would add escapes of its own to what is counted here.
    client.type('exec sh\r')
    await says(client, /[\r\n]\$ $/)
    client.type("stty -echo; PS1=; echo be''gin\r")
    await says(client, /begin\r\n/)
    const start = client.text().indexOf('begin\r\n') + 'begin\r\n'.length
    client.type('seq 60000; echo e"nd"\r')
    let seen = ''
    let drops = 0
    for (; !(seen + client.text()).includes('end\r\n'); drops++) {
      expect(drops).toBeLessThan(500)
      const goal = client.bytes() + 20_000 + ((drops * 7_919) % 30_000)
      const before = seen
      await client.until(
        'more output',
        () => client.bytes() >= goal || (before + client.text()).includes('end\r\n'),
        SLOW,
      )
      client.socket.terminate()
      await client.closed
      seen += client.text()
      client = await stream('terminal', { offset: seen.length })
      client.tell({ type: 'resume', session: id, offset: seen.length, cols: 80, rows: 24 })
      await client.until('resumed', () => client.replies.length > 0, SLOW)
      expect(client.replies[0]).toMatchObject({ type: 'resumed', offset: seen.length, lost: 0 })
    }
    seen += client.text()
    const body = seen.slice(start)
    expect(body.slice(0, body.indexOf('end\r\n')) === wanted).toBe(true)
    expect(drops).toBeGreaterThan(2)
    console.info(`terminal: ${wanted.length} bytes over ${drops} drops, each once`)
    client.tell({ type: 'close' })
    await client.closed
  })

  test.skipIf(noChromium !== undefined)(
    'from Chromium: typed into, resized, dropped and resumed',
    async () => {
      await using wire = await makeCuttable(agent.url)
      await setEndpoint(world.anvil, world.deployment, registered, wire.url)
      const deployment = { ...world.deployment, rpcUrl: world.anvil.rpcUrl }
      await using site = await serveStatic({ root: await builtWeb(), deployment })
      await using browser = await openBrowser()
      const page = await browser.context.newPage()
      const account = world.anvil.account(ROLES.tenant)
      const { chainId } = world.deployment
      await installWallet(page, { account, rpcUrl: world.anvil.rpcUrl, chainId })
      await page.goto(`${site.url}/#/leases/${leaseId}`)
      await connect(page)
      // A busy machine may take longer than the page waits for its node: then it is asked again, as a person would.
      const terminal = page.getByRole('button', { name: 'Terminal', exact: true })
      const signIn = page.getByRole('button', { name: 'Sign in to the node' })
      const isIn = async () => {
        if (await terminal.isVisible()) return true
        if (await signIn.isVisible()) await signIn.click()
        return false
      }
      await until(isIn, SLOW, 'the node does not let the browser in')
      const line = (state: string) =>
        page.locator(`[data-testid="line-state"][data-state="${state}"]`).waitFor({ timeout: SLOW })
      const screen = async () =>
        (await page.locator('.xterm-rows > div').allTextContents()).map((row) =>
          row.replaceAll('\u00a0', ' ').trimEnd(),
        )
      const shows = (text: string) => expect.poll(screen, { timeout: SLOW }).toContain(text)
      const type = async (command: string) => {
        await page.locator('.xterm-helper-textarea').focus()
        await page.keyboard.type(command)
        await page.keyboard.press('Enter')
      }
      await terminal.click()
      await line('connected')
      await type('echo $((6 * 7))-$(hostname)')
      await shows('42-inside')
      await page.setViewportSize({ width: 900, height: 640 })
      const rows = await page.locator('.xterm-rows > div').count()
      await type("stty size | sed 's/ .*/ rows/'")
      await expect
        .poll(async () => (await screen()).some((row) => /^\d+ rows$/.test(row)), { timeout: SLOW })
        .toBe(true)
      await expect
        .poll(() => page.locator('.xterm-rows > div').count(), { timeout: SLOW })
        .toBeLessThanOrEqual(rows)
      const now = await page.locator('.xterm-rows > div').count()
      await type("stty size | sed 's/ .*/ rows now/'")
      await shows(`${now} rows now`)

      await type('clear; for i in $(seq 200); do printf "%s;" $i; sleep 0.02; done; echo')
      await expect.poll(async () => (await screen()).join(''), { timeout: SLOW }).toContain('20;')
      wire.cut()
      await line('dropped')
      wire.mend()
      await line('connected')
      await expect.poll(async () => (await screen()).join(''), { timeout: SLOW }).toContain('200;')
      const numbers = Array.from({ length: 200 }, (_, i) => `${i + 1};`).join('')
      expect((await screen()).join('')).toContain(numbers)
      await setEndpoint(world.anvil, world.deployment, registered, agent.url)
    },
  )

  test('a guest whose sshd is broken is mended through its serial console, by password', async () => {
    // Of the connections of now the terminal's own would go on: what is to fail is a new one.
    // A moment later: it takes the connection with it through which it is asked for. By itself a timer of systemd may be
    // a minute late.
    const moment = '--on-active=1 --timer-property=AccuracySec=100ms'
    await inGuest(`sudo systemd-run --quiet ${moment} systemctl mask --now ssh.service`)
    // Each look costs the guest a process: asked often, a slow one is kept from everything else.
    await until(async () => !(await listens()), SLOW, 'sshd still listens', 2_000)
    const refused = await stream('terminal')
    refused.tell({ type: 'open', cols: 80, rows: 24 })
    await refused.until('a refusal', () => refused.replies.length > 0, SLOW)
    expect(refused.replies[0]).toMatchObject({ type: 'error', code: 'guest-unreachable' })
    expect(await refused.closed).toBe(STREAM_CLOSE.unreachable)

    const client = await stream('console')
    await client.until('opened', () => client.replies.length > 0, SLOW)
    client.type('\r')
    await says(client, /inside login: $/)
    client.type('decloud\r')
    await says(client, /Password: $/)
    client.type(`${PASSWORD}\r`)
    await says(client, /decloud@inside:~\$ $/)
    expect(client.text()).not.toContain(PASSWORD)
    client.type(
      'sudo systemctl unmask ssh.service; sudo systemctl start ssh; echo ssh-$(systemctl is-active ssh)\r',
    )
    await says(client, /^ssh-active\r$/m)

    const second = await stream('console')
    await second.until('opened', () => second.replies.length > 0, SLOW)
    expect(await client.closed).toBe(STREAM_CLOSE.takenOver)
    second.type('exit\r')
    await says(second, /inside login: $/)
    second.socket.close()

    const mended = await open()
    mended.type('echo back-$((1 + 1))\r')
    await says(mended, /^back-2\r$/m)
    mended.tell({ type: 'close' })
    await mended.closed
  })

  const put = async (path: string, length: number, seed: string): Promise<number> => {
    const url = at(`files/content?path=${encodeURIComponent(path)}`)
    const token = await session.token()
    const request = httpRequest(url, { method: 'PUT', headers: { authorization: `Bearer ${token}` } })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', resolve)
      request.on('error', reject)
    })
    await pipeline(bytesOf(seed, length), request)
    const response = await answered
    response.resume()
    return response.statusCode ?? 0
  }

  test('256 MiB go up and down over SFTP with equal hashes, in flat memory', {
    timeout: 1_800_000,
  }, async () => {
    const seed = 'a quarter of a gigabyte'
    const path = '/home/decloud/bulk.bin'
    const { hash } = await sha256Of(bytesOf(seed, BULK))
    // What every transfer needs is loaded before the counting begins.
    expect(await put('/home/decloud/small.bin', MIB, 'small')).toBe(200)
    const mib = (bytes: number) => `${(bytes / MIB).toFixed(0)} MiB`

    const began = performance.now()
    const up = await memoryDuring(agent.pid, () => put(path, BULK, seed))
    const half = performance.now()
    expect(up.result).toBe(200)
    expect((await inGuest(`sha256sum ${path}`)).split(' ')[0]).toBe(hash)
    expect(await inGuest('ls -A ~ | grep -c decloud-upload || true')).toBe('0')

    const token = await session.token()
    const again = performance.now()
    const down = await memoryDuring(agent.pid, async () => {
      const response = await fetch(at(`files/content?path=${encodeURIComponent(path)}`), {
        headers: { authorization: `Bearer ${token}` },
      })
      expect(response.headers.get('content-length')).toBe(String(BULK))
      return sha256Of(response.body!)
    })
    const end = performance.now()
    expect(down.result).toEqual({ hash, length: BULK })
    for (const [name, { memory }, ms] of [
      ['up', up, half - began],
      ['down', down, end - again],
    ] as const) {
      const { before, peak, drift, looks } = memory
      const pace = `${mib(BULK)} in ${(ms / 1000).toFixed(0)} s`
      console.info(
        `${name}: ${pace}; agent ${mib(before)} before, ${mib(peak)} at most, drift ${mib(drift)} (${looks} looks)`,
      )
      expect(peak - before).toBeLessThan(MOST_GROWTH)
      expect(drift).toBeLessThan(MOST_DRIFT)
      expect(looks).toBeGreaterThan(10)
    }
    await session.ask(`/v1/leases/${leaseId}/files/delete`, { path })
  })
})
