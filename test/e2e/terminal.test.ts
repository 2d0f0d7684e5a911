// Inside a machine from a browser: the shipped bundle in a real Chromium, a real agent, a real SSH connection with the
// guest's end played. test/kvm/streams.test.ts does the same with a real guest.
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noSftpServer, type SshGuest, startSshGuest } from '../../agent/test/helpers/ssh-guest.ts'
import { builtWeb } from '../../scripts/lib/build-web.ts'
import { type StaticServer, serveStatic } from '../../web/serve.ts'
import { ROLES, setEndpoint } from '../world/market.ts'
import { startWorld, type World } from '../world/world.ts'
import { noBrowser, openBrowser } from './browser.ts'
import { type Cuttable, makeCuttable } from './cuttable.ts'
import { playShell } from './shell.ts'
import { chooseNode, confirmButton, connect, phase, signInToNode } from './tenant.ts'
import { installWallet } from './wallet.ts'

const skipped = noBrowser() ?? noSftpServer()
if (skipped !== undefined) console.warn(`SKIPPED: inside a machine from a browser: ${skipped}`)

const READY_MS = 60_000
const SHOWN = { timeout: 30_000 }

describe.skipIf(skipped !== undefined)('inside a machine, from Chromium', () => {
  const stack = new AsyncDisposableStack()
  let guest: SshGuest
  let world: World
  let wire: Cuttable
  let site: StaticServer
  let page: Page
  let home: string
  const complaints: string[] = []

  beforeAll(async () => {
    home = await realpath(await mkdtemp(join(tmpdir(), 'decloud-home-')))
    stack.defer(() => rm(home, { recursive: true, force: true }))
    guest = await startSshGuest({ home })
    stack.defer(() => guest.close())
    guest.onShell(playShell)
    world = await startWorld({
      ...{ hypervisor: 'simulated', nodes: 1 },
      overrides: () => ({ enterGuest: async () => guest.login }),
    })
    stack.defer(() => world.close())
    const [node] = world.nodes
    wire = stack.use(await makeCuttable(node!.agent().url))
    await setEndpoint(world.anvil, world.deployment, node!.registered, wire.url)
    site = await serveStatic({
      root: await builtWeb(),
      deployment: { ...world.deployment, rpcUrl: world.anvil.rpcUrl },
    })
    stack.defer(() => site.close())
    const browser = stack.use(await openBrowser())
    page = await browser.context.newPage()
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (line) => {
      if (/Content Security Policy/i.test(line.text())) complaints.push(line.text())
    })
    await installWallet(page, {
      account: world.anvil.account(ROLES.tenant),
      rpcUrl: world.anvil.rpcUrl,
      chainId: world.deployment.chainId,
    })
    await page.goto(site.url)
    await connect(page)
    await chooseNode(page)
    await confirmButton(page).click()
    await phase(page, 'ready', 'done', READY_MS)
    await signInToNode(page)
  })
  afterAll(() => stack.disposeAsync())

  const room = (name: string) => page.getByRole('button', { name, exact: true })
  const line = (state: string) =>
    page.locator(`[data-testid="line-state"][data-state="${state}"]`).waitFor({ timeout: 30_000 })
  /** All that is on the screen, without the spaces that fill it. */
  const screen = async () =>
    (await page.locator('.xterm-rows > div').allTextContents()).map((row) =>
      row.replaceAll(' ', ' ').trimEnd(),
    )
  /** After the prompt of the count, where the line was complete before that ended. */
  const echoed = async () => (await screen()).some((row) => /^(\$ )?typed while it was cut$/.test(row))
  const type = async (command: string) => {
    await page.locator('.xterm-helper-textarea').focus()
    await page.keyboard.type(command)
    await page.keyboard.press('Enter')
  }

  it('types into a shell, and the shell learns of the size that the screen has', async () => {
    await room('Terminal').click()
    await line('connected')
    await type('echo hello from chromium')
    await expect.poll(screen, SHOWN).toContain('hello from chromium')
    const before = guest.shells.at(-1)?.sizes.length
    await page.setViewportSize({ width: 900, height: 600 })
    await expect.poll(() => guest.shells.at(-1)?.sizes.length, SHOWN).toBeGreaterThan(before ?? 0)
    const [cols, rows] = guest.shells.at(-1)!.sizes.at(-1)!
    expect(await page.locator('.xterm-rows > div').count()).toBe(rows)
    await type('stty size')
    await expect.poll(screen, SHOWN).toContain(`${rows} ${cols}`)
    await page.setViewportSize({ width: 1_280, height: 900 })
  })

  it('goes on after the wire was cut, with every byte once, either way', async () => {
    const numbers = Array.from({ length: 400 }, (_, i) => `${i + 1};`).join('')
    await type('count 400')
    await expect.poll(async () => (await screen()).join(''), SHOWN).toContain('50;')
    wire.cut()
    await line('dropped')
    await page.locator('.xterm-helper-textarea').focus()
    await page.keyboard.type('echo typed while it was cut')
    wire.mend()
    await line('connected')
    await page.keyboard.press('Enter')
    await expect.poll(async () => (await screen()).join(''), SHOWN).toContain('400;')
    await expect.poll(echoed, SHOWN).toBe(true)
    // What was typed meanwhile is echoed among the numbers, in pieces: without it they are as they were printed.
    const shown = (await screen()).join('').split('$ ')[0] ?? ''
    expect(shown.replace(/[^0-9;]/g, '')).toBe(numbers)
    expect(
      guest.shells
        .at(-1)
        ?.typed()
        .match(/typed while/g),
    ).toHaveLength(1)
    expect(guest.shells).toHaveLength(1)
  })

  it('goes on after the page was reloaded, and says so when the shell has ended', async () => {
    await page.reload()
    await room('Terminal').click()
    await line('connected')
    await expect.poll(echoed, SHOWN).toBe(true)
    expect(guest.shells).toHaveLength(1)
    await type('exit')
    await page.getByText('The shell has ended.').waitFor(SHOWN)
    await page.getByRole('button', { name: 'Open a new one' }).click()
    await line('connected')
    expect(guest.shells).toHaveLength(2)
    await room('Terminal').click()
    await expect.poll(() => guest.connections().open, SHOWN).toBe(0)
  })

  it('browses, uploads, downloads, renames and deletes files', async () => {
    await room('Files').click()
    await page.getByText('This folder is empty.').waitFor(SHOWN)
    expect(await page.getByTestId('folder').textContent()).toBe(home)
    const body = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 31) % 251))
    await page
      .getByLabel('Upload files')
      .setInputFiles({ name: 'data.bin', mimeType: 'application/octet-stream', buffer: body })
    await page.getByText(/^Done, /).waitFor(SHOWN)
    expect((await readFile(join(home, 'data.bin'))).equals(body)).toBe(true)

    const downloading = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download data.bin' }).click()
    const downloaded = await readFile(await (await downloading).path())
    const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
    expect(hash(downloaded)).toBe(hash(body))

    await page.getByLabel('Upload files').setInputFiles({
      ...{ name: 'data.bin', mimeType: 'text/plain' },
      buffer: Buffer.from('other'),
    })
    await page.getByText(/exists already/).waitFor(SHOWN)
    expect((await readFile(join(home, 'data.bin'))).length).toBe(body.length)
    await page.getByRole('button', { name: 'Replace' }).click()
    await expect.poll(() => readFile(join(home, 'data.bin'), 'utf8'), SHOWN).toBe('other')

    await page.getByRole('button', { name: 'New folder' }).click()
    await page.getByLabel('Name of the new folder').fill('docs')
    await page.getByRole('button', { name: 'Make' }).click()
    await page.getByRole('button', { name: 'Rename data.bin' }).click()
    await page.getByLabel('New name of data.bin').fill('notes.txt')
    await page.getByRole('button', { name: 'Rename', exact: true }).click()
    await expect.poll(async () => (await readdir(home)).sort(), SHOWN).toEqual(['docs', 'notes.txt'])
    await page.getByRole('button', { name: 'docs', exact: true }).click()
    await page.getByText('This folder is empty.').waitFor(SHOWN)
    await page.getByRole('button', { name: 'Up', exact: true }).click()
    await page.getByRole('button', { name: 'Delete notes.txt' }).click()
    await page.getByRole('button', { name: 'Delete for good' }).click()
    await expect.poll(() => readdir(home), SHOWN).toEqual(['docs'])
  })

  it('reaches the serial console', async () => {
    await room('Serial console').click()
    await line('connected')
    await type('')
    await expect.poll(async () => (await screen()).join('\n'), SHOWN).toContain('login:')
    await room('Serial console').click()
  })

  it('says that the node cannot be reached, and comes back when it can', async () => {
    wire.cut()
    await room('Terminal').click()
    await page
      .getByText(/cannot be reached from this browser/)
      .first()
      .waitFor(SHOWN)
    await line('refused')
    wire.mend()
    await page.getByRole('button', { name: 'Open a new one' }).click()
    await line('connected')
    // Nothing of all this had to be forgiven by the content security policy.
    expect(complaints).toEqual([])
  })
})
