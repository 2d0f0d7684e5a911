// The dApp as a tenant meets it: the shipped bundle, a real browser, an injected wallet, contracts on a local chain
// and an agent that runs a simulated hypervisor.
import { leaseEscrowAbi, makeLogDecoder, mockUSDCAbi, parseUsdc } from '@decloud/protocol'
import type { Page } from 'playwright-core'
import { type Hex, sha256 } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtWeb } from '../../scripts/lib/build-web.ts'
import { type StaticServer, serveStatic } from '../../web/serve.ts'
import { ROLES } from '../world/market.ts'
import { startWorld, type World } from '../world/world.ts'
import { noBrowser, openBrowser } from './browser.ts'
import { chooseNode, confirmButton, connect, leaseIdOf, phase, signInToNode } from './tenant.ts'
import { installWallet, type TestWallet } from './wallet.ts'

const skipped = noBrowser()
if (skipped !== undefined) console.warn(`SKIPPED: the browser tests do not run, ${skipped}`)

const READY_MS = 60_000

describe.skipIf(skipped !== undefined)('the dApp in Chromium', () => {
  const stack = new AsyncDisposableStack()
  let world: World
  let dist: string
  let site: StaticServer
  let browser: Awaited<ReturnType<typeof openBrowser>>

  beforeAll(async () => {
    world = await startWorld({ hypervisor: 'simulated', nodes: 1 })
    stack.defer(() => world.close())
    dist = await builtWeb()
    site = await serveStatic({ root: dist, deployment: { ...world.deployment, rpcUrl: world.anvil.rpcUrl } })
    stack.defer(() => site.close())
    browser = stack.use(await openBrowser())
  })
  afterAll(() => stack.disposeAsync())

  type Visit = { page: Page; wallet: TestWallet; complaints: string[]; origins: Set<string> }

  /** A page of a browser that has never been here, with the wallet of account `index`. */
  const visit = async (index: number, work: (visit: Visit) => Promise<void>) => {
    const page = await browser.context.newPage()
    const complaints: string[] = []
    const origins = new Set<string>()
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (line) => {
      if (/Content Security Policy/i.test(line.text())) complaints.push(line.text())
    })
    page.on('request', (request) => origins.add(new URL(request.url()).origin))
    try {
      const wallet = await installWallet(page, {
        account: world.anvil.account(index),
        rpcUrl: world.anvil.rpcUrl,
        chainId: world.deployment.chainId,
      })
      await page.goto(site.url)
      await work({ page, wallet, complaints, origins })
      expect(complaints).toEqual([])
    } finally {
      await page.evaluate(() => localStorage.clear()).catch(() => undefined)
      await page.close()
    }
  }

  const usdcOf = (index: number) =>
    world.anvil.client.readContract({
      address: world.deployment.usdc,
      abi: mockUSDCAbi,
      functionName: 'balanceOf',
      args: [world.anvil.account(index).address],
    })

  const eventOf = async (name: 'LeaseActivated' | 'LeaseEnded', leaseId: Hex) => {
    const logs = await world.anvil.client.getLogs({ address: world.deployment.leaseEscrow, fromBlock: 0n })
    const decode = makeLogDecoder(world.deployment)
    const found = logs
      .map((log) => decode({ ...log, timestamp: 0n }))
      .find((e) => e?.name === name && e.args.leaseId === leaseId)
    expect(found, `${name} of ${leaseId}`).toBeDefined()
    return found!
  }

  it('leases a VM in three clicks, shows how to log in, closes it and shows the refund', async () => {
    await visit(ROLES.tenant, async ({ page, wallet, origins }) => {
      const before = await usdcOf(ROLES.tenant)
      await connect(page)
      await chooseNode(page)
      await page.getByLabel(/^1 hour/).check()
      await confirmButton(page).click()

      await phase(page, 'assigned', 'done', READY_MS)
      await phase(page, 'ready', 'done', READY_MS)
      const leaseId = leaseIdOf(page)
      await signInToNode(page)
      const line = await page.getByText(/KnownHostsCommand/).textContent()
      const hostKey = /ssh-ed25519 ([A-Za-z0-9+/=]+)"/.exec(line ?? '')?.[1]
      const activated = await eventOf('LeaseActivated', leaseId)
      expect(sha256(Buffer.from(hostKey ?? '', 'base64'))).toBe(
        activated.name === 'LeaseActivated' && activated.args.hostKeyFingerprint,
      )
      expect(line).toMatch(/^ssh -o HostKeyAlias=decloud-[0-9a-f]{12} .* -p \d+ [a-z]+@[\d.]+$/)

      // One signature and one transaction so far: the permit rides along.
      expect(wallet.asked.filter((method) => method === 'eth_signTypedData_v4')).toHaveLength(1)
      expect(wallet.asked.filter((method) => method === 'eth_sendTransaction')).toHaveLength(1)
      await page.reload()
      await page.getByText(/KnownHostsCommand/).waitFor()
      expect(
        wallet.asked.filter((method) => method === 'personal_sign'),
        'a reload keeps the session',
      ).toHaveLength(1)

      await page.getByRole('button', { name: 'Close this lease' }).click()
      await page.getByRole('button', { name: 'Close and refund' }).click()
      await phase(page, 'ended', 'done', READY_MS)
      const ended = await eventOf('LeaseEnded', leaseId)
      if (ended.name !== 'LeaseEnded') throw new Error('unreachable: eventOf matches by name')
      const shown = async (id: string) =>
        parseUsdc(((await page.getByTestId(id).textContent()) ?? '').replace(' USDC', ''))
      expect(await shown('bill-due')).toBe(ended.args.due)
      expect(await shown('bill-refunded')).toBe(ended.args.refunded)
      expect(ended.args.due).toBeGreaterThan(0n)
      expect(await usdcOf(ROLES.tenant)).toBe(before - ended.args.due)

      await page.getByRole('link', { name: 'My leases' }).first().click()
      await page.getByRole('link', { name: new RegExp(`Node 1, ${leaseId.slice(0, 6)}`) }).waitFor()
      // Nobody else is called: the site itself, the RPC and the node of the lease.
      const known = [site.url, world.anvil.rpcUrl, world.nodes[0]!.agent().url, 'null']
      expect(known).toEqual(expect.arrayContaining([...origins]))
    })
  })

  it('says that a signature was declined, remembers the lease over a reload, and opens it on another try', async () => {
    await visit(ROLES.tenant, async ({ page, wallet }) => {
      await connect(page)
      await chooseNode(page)
      wallet.rejecting = true
      await confirmButton(page).click()
      await page
        .getByRole('alert')
        .getByText('You declined in your wallet. Nothing was sent and nothing was paid.')
        .waitFor()
      const leaseId = leaseIdOf(page)
      await page.reload()
      await page.getByText('You declined in your wallet.').waitFor()
      wallet.rejecting = false
      await page.getByRole('button', { name: 'Try again' }).click()
      await phase(page, 'assigned', 'done', READY_MS)
      const lease = await world.anvil.client.readContract({
        address: world.deployment.leaseEscrow,
        abi: leaseEscrowAbi,
        functionName: 'leaseOf',
        args: [leaseId],
      })
      expect(lease.status).toBeGreaterThanOrEqual(2)
    })
  })

  it('names the network that is expected and switches to it', async () => {
    await visit(ROLES.tenant, async ({ page, wallet }) => {
      wallet.chainId = 1
      await connect(page)
      await page.getByText('Your wallet is on another network than DeCloud local chain.').first().waitFor()
      await chooseNode(page)
      expect(await confirmButton(page).isDisabled()).toBe(true)
      await page.getByRole('button', { name: 'Switch to DeCloud local chain' }).click()
      await page.getByText('Your wallet is on another network').first().waitFor({ state: 'detached' })
      expect(wallet.chainId).toBe(world.deployment.chainId)
      expect(await confirmButton(page).isEnabled()).toBe(true)
    })
  })

  it('says how much is missing when the balance is short, and when there is no gas', async () => {
    await visit(ROLES.stranger, async ({ page }) => {
      await connect(page)
      await chooseNode(page)
      const price = /pay ([\d.]+) USDC/.exec((await confirmButton(page).textContent()) ?? '')?.[1]
      await page
        .getByText(`Your wallet holds 0.00 USDC, this needs ${price}: ${price} USDC are missing.`)
        .waitFor()
      expect(await confirmButton(page).isDisabled()).toBe(true)
      // The fullest form there is, on a phone: nothing may stick out sideways.
      await page.setViewportSize({ width: 390, height: 844 })
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390)
    })
    await world.anvil.client.setBalance({ address: world.anvil.account(ROLES.tenant).address, value: 0n })
    await visit(ROLES.tenant, async ({ page }) => {
      await connect(page)
      await chooseNode(page)
      await page.getByText(/too little ETH to pay the network fee/).waitFor()
      expect(await confirmButton(page).isDisabled()).toBe(true)
    })
    await world.anvil.client.setBalance({
      address: world.anvil.account(ROLES.tenant).address,
      value: 10n ** 19n,
    })
  })

  it('keeps showing what the chain says when the agent is gone', async () => {
    await visit(ROLES.tenant, async ({ page }) => {
      await connect(page)
      await chooseNode(page)
      await confirmButton(page).click()
      await phase(page, 'ready', 'done', READY_MS)
      await signInToNode(page)
      await world.nodes[0]!.agent().close()
      await page.getByText("The node's agent cannot be reached from this browser.").first().waitFor()
      await phase(page, 'ready', 'done', 1_000)
      await page.getByRole('button', { name: 'Close this lease' }).click()
      await page.getByRole('button', { name: 'Close and refund' }).click()
      await phase(page, 'ended', 'done', READY_MS)
    })
  })

  it('says what to do when its deployment file is missing', async () => {
    await using bare = await serveStatic({ root: dist })
    const page = await browser.context.newPage()
    await page.goto(bare.url)
    await page.getByText('Place the deployment file of your network next to index.html and reload.').waitFor()
    await page.close()
  })
})
