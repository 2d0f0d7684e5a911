// A tenant with USDC and not one coin for gas: the shipped bundle in a real browser, a keeper that sponsors, contracts on
// a local chain.
import { leaseEscrowAbi, mockUSDCAbi, parseUsdc } from '@decloud/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtWeb } from '../../scripts/lib/build-web.ts'
import { type StaticServer, serveStatic } from '../../web/serve.ts'
import { ROLES } from '../world/market.ts'
import { startWorld, type World } from '../world/world.ts'
import { noBrowser, openBrowser } from './browser.ts'
import { chooseNode, confirmButton, connect, leaseIdOf, phase } from './tenant.ts'
import { installWallet } from './wallet.ts'

const skipped = noBrowser()
if (skipped !== undefined) console.warn(`SKIPPED: the browser tests do not run, ${skipped}`)

const READY_MS = 60_000
/** An account that nobody has given a coin. */
const PENNILESS = 300

describe.skipIf(skipped !== undefined)('a tenant without a coin for gas', () => {
  const stack = new AsyncDisposableStack()
  let world: World
  let site: StaticServer
  let browser: Awaited<ReturnType<typeof openBrowser>>

  beforeAll(async () => {
    world = await startWorld({ hypervisor: 'simulated', nodes: 1, sponsor: true })
    stack.defer(() => world.close())
    const deployment = {
      ...world.deployment,
      rpcUrl: world.anvil.rpcUrl,
      keeperUrl: world.keeper.url,
    }
    site = await serveStatic({ root: await builtWeb(), deployment })
    stack.defer(() => site.close())
    browser = stack.use(await openBrowser())
    const hash = await world.anvil.wallet(ROLES.deployer).writeContract({
      ...{ address: world.deployment.usdc, abi: mockUSDCAbi },
      ...{ functionName: 'mint', args: [address(), parseUsdc('50')] },
    })
    await world.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  })
  afterAll(() => stack.disposeAsync())

  const address = () => world.anvil.account(PENNILESS).address
  const usdcOf = () =>
    world.anvil.client.readContract({
      ...{ address: world.deployment.usdc, abi: mockUSDCAbi },
      ...{ functionName: 'balanceOf', args: [address()] },
    })
  const balanceOf = () =>
    world.anvil.client.readContract({
      ...{ address: world.deployment.leaseEscrow, abi: leaseEscrowAbi },
      ...{ functionName: 'balanceOf', args: [address()] },
    })

  it('leases a VM, tops it up, closes it, and withdraws, by signatures alone', async () => {
    const page = await browser.context.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    const wallet = await installWallet(page, {
      account: world.anvil.account(PENNILESS),
      rpcUrl: world.anvil.rpcUrl,
      chainId: world.deployment.chainId,
    })
    expect(await world.anvil.client.getBalance({ address: address() })).toBe(0n)
    await page.goto(site.url)
    await connect(page)
    await chooseNode(page)
    await page.getByText('The network fee is paid for you').waitFor()
    await confirmButton(page).click()
    await phase(page, 'assigned', 'done', READY_MS)
    await phase(page, 'ready', 'done', READY_MS)
    const leaseId = leaseIdOf(page)
    expect(await usdcOf()).toBeLessThan(parseUsdc('50'))

    const opened = await usdcOf()
    await page.getByLabel('Amount, USDC').fill('2')
    await page.getByRole('button', { name: 'Top up' }).click()
    await expect.poll(usdcOf, { timeout: READY_MS }).toBe(opened - parseUsdc('2'))
    await page.getByLabel('Amount, USDC').waitFor({ timeout: READY_MS })

    await page.getByRole('button', { name: 'Close this lease' }).click()
    await page.getByLabel('DeCloud balance').check()
    await page.getByRole('button', { name: 'Close and refund' }).click()
    await phase(page, 'ended', 'done', READY_MS)
    expect(await balanceOf()).toBeGreaterThan(0n)

    await page.getByRole('link', { name: 'My leases' }).first().click()
    await page.getByRole('button', { name: 'Withdraw' }).click()
    await page.getByRole('heading', { name: 'DeCloud balance' }).waitFor({ state: 'detached' })
    await expect.poll(balanceOf, { timeout: READY_MS }).toBe(0n)

    const lease = await world.anvil.client.readContract({
      ...{ address: world.deployment.leaseEscrow, abi: leaseEscrowAbi },
      ...{ functionName: 'leaseOf', args: [leaseId] },
    })
    expect(lease).toMatchObject({ status: 4, endReason: 1, tenant: address() })
    expect(wallet.asked.filter((method) => method === 'eth_sendTransaction')).toEqual([])
    expect(wallet.asked.filter((method) => method === 'eth_signTypedData_v4')).toHaveLength(4)
    expect(await world.anvil.client.getBalance({ address: address() })).toBe(0n)
    expect(await world.anvil.client.getTransactionCount({ address: address() })).toBe(0)
    expect(complaints).toEqual([])
    await page.close()
  })
})
