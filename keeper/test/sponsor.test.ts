import { closeMandate, formatUsdc, leaseEscrowAbi, leaseMandatesAbi, mockUSDCAbi } from '@decloud/protocol'
import { type Address, type Hex, zeroAddress } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { KEEPER, type Local, startLocal, TENANT } from '../../chain/test/local.ts'
import { type RpcProxy, startRpcProxy } from '../../chain/test/rpc-proxy.ts'
import type { KeeperConfigInput } from '../src/index.ts'
import { getJson, type Harness, keyOf, makeHarness, until } from './harness.ts'
import { FAR, handIn, makePenniless, mint } from './sponsored.ts'

let local: Local
let harness: Harness
let proxy: RpcProxy
let accounts = 200

beforeAll(async () => {
  local = await startLocal()
  await local.register()
})
afterAll(() => local?.stop())
beforeEach(async () => {
  harness = await makeHarness(local)
  proxy = await startRpcProxy(local.anvil.rpcUrl)
})
afterEach(async () => {
  await harness.close()
  await proxy.close()
})

const penniless = (usdc?: bigint) => makePenniless(local, accounts++, usdc)
const sponsoring = (sponsor: KeeperConfigInput['sponsor'] = {}, change: Partial<KeeperConfigInput> = {}) =>
  harness.boot({ sponsor: { enabled: true, ...sponsor }, ...change })
const balanceOf = (account: Address) =>
  local.anvil.client.readContract({
    ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi },
    functionName: 'balanceOf',
    args: [account],
  })
const usdcOf = (account: Address) =>
  local.anvil.client.readContract({
    ...{ address: local.deployment.usdc, abi: mockUSDCAbi },
    functionName: 'balanceOf',
    args: [account],
  })
const sentBy = (index: number) =>
  local.anvil.client.getTransactionCount({ address: local.anvil.account(index).address })
const remaining = async (url: string, address: Address) =>
  (await getJson(`${url}/api/sponsor?address=${address}`)).body['remaining'] as unknown as {
    count: number
    cost: string
  }
const opened = async (url: string, tenant: Awaited<ReturnType<typeof penniless>>) => {
  const terms = tenant.terms()
  expect((await handIn(url, 'open', await tenant.open(terms))).body).toMatchObject({ state: 'done' })
  return local.idOf(terms)
}

describe('a tenant with USDC and no coin for gas', () => {
  it('opens, tops up, renews, closes and withdraws', async () => {
    const { url } = await sponsoring()
    const tenant = await penniless()
    const leaseId = await opened(url, tenant)
    expect(await local.leaseOf(leaseId)).toMatchObject({ status: 2, tenant: tenant.address })
    const second = await opened(url, tenant)

    // What a closed lease gives back pays for the other.
    const closed = await handIn(url, 'close', await tenant.close(second))
    expect(closed).toMatchObject({ status: 200, body: { state: 'done', reason: null } })
    expect(await balanceOf(tenant.address)).toBe(1_000_000n)
    expect((await handIn(url, 'top-up', await tenant.topUp(leaseId, 300_000n))).body.state).toBe('done')
    expect((await local.leaseOf(leaseId)).deposited).toBe(1_300_000n)

    const wallet = await usdcOf(tenant.address)
    const fromWallet = await tenant.topUpFromWallet(leaseId, 400_000n)
    expect((await handIn(url, 'top-up-from-wallet', fromWallet)).body.state).toBe('done')
    expect((await local.leaseOf(leaseId)).deposited).toBe(1_700_000n)
    expect(await usdcOf(tenant.address)).toBe(wallet - 400_000n)

    expect((await handIn(url, 'auto-renew', await tenant.autoRenew(leaseId, 50_000n))).body.state).toBe(
      'done',
    )
    const renewal = await local.anvil.client.readContract({
      ...{ address: local.deployment.leaseMandates, abi: leaseMandatesAbi },
      functionName: 'renewalOf',
      args: [leaseId],
    })
    expect(renewal).toMatchObject({ amount: 50_000n, budget: 150_000n })

    const before = await usdcOf(tenant.address)
    expect((await handIn(url, 'withdraw', await tenant.withdraw(700_000n))).body.state).toBe('done')
    expect(await usdcOf(tenant.address)).toBe(before + 700_000n)
    expect(await local.anvil.client.getBalance({ address: tenant.address })).toBe(0n)
    expect(await remaining(url, tenant.address)).toMatchObject({ count: 3 })
  })

  it('may spell addresses in any case', async () => {
    const { url } = await sponsoring()
    const tenant = await penniless()
    // Every letter in the wrong case: no checksum at all.
    const swapped = [...tenant.address.slice(2)].map((letter) =>
      letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
    )
    const respelt: Address = `0x${swapped.join('')}`
    const terms = tenant.terms()
    const opening = { ...(await tenant.open(terms)), terms: { ...terms, tenant: respelt } }
    expect(await handIn(url, 'open', opening)).toMatchObject({ status: 200, body: { state: 'done' } })
    const topUp = { ...(await tenant.topUp(await local.idOf(terms), 300_000n)), payer: respelt }
    expect(await handIn(url, 'top-up', topUp)).toMatchObject({
      status: 422,
      body: { code: 'contract-refused' },
    })
    expect(await remaining(url, respelt)).toEqual(await remaining(url, tenant.address))
    expect(await remaining(url, respelt)).toMatchObject({ count: 9 })
  })

  it('who hands the same in again is told what became of it, and it is not sent again', async () => {
    const { url } = await sponsoring()
    const tenant = await penniless()
    const leaseId = await opened(url, tenant)
    const body = await tenant.close(leaseId)
    const [first, twin] = await Promise.all([handIn(url, 'close', body), handIn(url, 'close', body)])
    const sent = await sentBy(KEEPER)
    const again = await handIn(url, 'close', body)
    expect(again).toMatchObject({ status: 200, body: { state: 'done', id: first.body.id } })
    expect(twin.body.id ?? first.body.id).toBe(first.body.id)
    expect(await sentBy(KEEPER)).toBe(sent)
    const found = await getJson(`${url}/api/sponsor/${first.body.id}`)
    expect(found).toMatchObject({ status: 200, body: again.body })
    expect((await getJson(`${url}/api/sponsor/0x${'0'.repeat(64)}`)).status).toBe(404)
  })
})

describe('a request that is refused costs nobody anything', () => {
  const refused = async (answer: Promise<{ status: number; body: object }>, status: number, code: string) =>
    expect(await answer).toMatchObject({ status, body: { code } })

  it('without its signer’s signature', async () => {
    const { url } = await sponsoring()
    const [tenant, thief] = [await penniless(), await penniless()]
    const leaseId = await opened(url, tenant)
    const left = await remaining(url, tenant.address)
    const sent = await sentBy(KEEPER)
    await refused(handIn(url, 'close', await thief.close(leaseId)), 422, 'signature-invalid')
    const terms = tenant.terms()
    const forged = { ...(await tenant.open(terms)), terms: { ...terms, deposit: terms.deposit + 1n } }
    await refused(handIn(url, 'open', forged), 422, 'signature-invalid')
    for (const signature of ['0x', `0x${'00'.repeat(65)}`, `0x${'ff'.repeat(65)}`]) {
      const body = { ...(await tenant.close(leaseId)), signature }
      await refused(handIn(url, 'close', body), 422, 'signature-invalid')
    }
    // A signature of another chain or contract is one of other figures.
    const elsewhere = { ...local.deployment, chainId: 137 }
    const message = { leaseId, to: zeroAddress, nonce: 900n, deadline: FAR }
    const signature = await tenant.account.signTypedData(closeMandate(elsewhere, message))
    await refused(handIn(url, 'close', { ...message, signature }), 422, 'signature-invalid')
    // Nobody else's attempts are counted for the one they name.
    expect(await remaining(url, tenant.address)).toEqual(left)
    expect(await sentBy(KEEPER)).toBe(sent)
  })

  it('when the contract would refuse it, in the contract’s own words', async () => {
    const { url } = await sponsoring()
    const tenant = await penniless(600_000n)
    const sent = await sentBy(KEEPER)
    const tooDear = tenant.terms({ deposit: 600_000n, maxPricePerHour: 1n })
    const answer = await handIn(url, 'open', await tenant.open(tooDear))
    expect(answer).toMatchObject({ status: 422, body: { code: 'contract-refused' } })
    expect((answer.body as unknown as { detail: string }).detail).toMatch(/asks .* USDC|maximum|more than/i)
    await refused(handIn(url, 'withdraw', await tenant.withdraw(5_000_000n)), 422, 'contract-refused')
    const unknown = await tenant.close(`0x${'12'.repeat(32)}`)
    await refused(handIn(url, 'close', unknown), 404, 'lease-unknown')
    expect(await sentBy(KEEPER)).toBe(sent)
    expect(await remaining(url, tenant.address)).toMatchObject({ count: 10 })
  })

  it('when it is small, large, late or malformed', async () => {
    const { url } = await sponsoring({ minDepositUsdc: '0.9', maxManifestBytes: 100 })
    const tenant = await penniless()
    const small = tenant.terms({ deposit: 800_000n })
    await refused(handIn(url, 'open', await tenant.open(small)), 403, 'sponsor-deposit-small')
    const heavy: Hex = `0x${'ab'.repeat(101)}`
    const terms = tenant.terms()
    await refused(handIn(url, 'open', await tenant.open(terms, FAR, heavy)), 403, 'sponsor-manifest-large')
    const { timestamp } = await local.anvil.client.getBlock()
    await refused(handIn(url, 'open', await tenant.open(terms, timestamp + 60n)), 422, 'mandate-expiring')
    const early = { ...(await tenant.open(terms)), validAfter: timestamp + 1_000n }
    await refused(handIn(url, 'open', early), 422, 'mandate-early')
    const body = await tenant.open(terms)
    await refused(handIn(url, 'open', { ...body, value: '1' }), 400, 'request-invalid')
    await refused(
      handIn(url, 'open', { ...body, manifest: `0x${'ab'.repeat(16_385)}` }),
      400,
      'request-invalid',
    )
    const overflow = { ...body, terms: { ...terms, vcpus: 2 ** 16 } }
    await refused(handIn(url, 'open', overflow), 400, 'request-invalid')
    await refused(handIn(url, 'settle', body), 405, 'method-wrong')
  })

  it('when the gas costs more than the money it moves is worth', async () => {
    const { url } = await sponsoring(
      { perAddressUsdc: '1000', budgetUsdc: '1000' },
      { upkeep: { gasCoinUsdc: '5000' } },
    )
    const tenant = await penniless()
    const answer = handIn(url, 'open', await tenant.open(tenant.terms()))
    await refused(answer, 403, 'sponsor-not-worth')
  })

  it('when the keeper sponsors nobody, has no key, or needs its coins for its own chores', async () => {
    const tenant = await penniless()
    const body = await tenant.open(tenant.terms())
    const off = await harness.boot()
    await refused(handIn(off.url, 'open', body), 503, 'sponsor-off')
    expect((await getJson(`${off.url}/api/sponsor`)).body).toMatchObject({ enabled: false, remaining: null })
    const keyless = await harness.boot({ sponsor: { enabled: true } }, null)
    await refused(handIn(keyless.url, 'open', body), 503, 'sponsor-off')
    const poor = await sponsoring({ keepCoins: '100000' })
    await refused(handIn(poor.url, 'open', body), 503, 'sponsor-empty')
    expect(await remaining(poor.url, tenant.address)).toMatchObject({ count: 10 })
  })
})

describe('limits', () => {
  it('of an address: so many calls a day, whoever else asks', async () => {
    const { url } = await sponsoring({ perAddressCount: 2 })
    const [tenant, other] = [await penniless(), await penniless()]
    await opened(url, tenant)
    const leaseId = await opened(url, tenant)
    const body = await tenant.close(leaseId)
    expect(await handIn(url, 'close', body)).toMatchObject({
      status: 429,
      body: { code: 'sponsor-address-count' },
    })
    expect((await local.leaseOf(leaseId)).status).toBe(2)
    await opened(url, other)
  })

  it('of all: the budget of the day holds against many addresses at once', async () => {
    const price = { upkeep: { gasCoinUsdc: '50' } }
    const probe = await sponsoring({}, price)
    const tenant = await penniless()
    await opened(probe.url, tenant)
    const each = 500_000n - BigInt((await remaining(probe.url, tenant.address)).cost)
    expect(each).toBeGreaterThan(0n)
    // What is on its way counts with the most it can cost: room for some of six, whatever the fees do meanwhile.
    const { url } = await sponsoring({ perAddressCount: 50, budgetUsdc: formatUsdc(each * 8n) }, price)
    const many = []
    while (many.length < 6) many.push(await penniless())
    const bodies = await Promise.all(many.map((one) => one.open(one.terms())))
    const sent = await sentBy(KEEPER)
    const answers = await Promise.all(bodies.map((body) => handIn(url, 'open', body)))
    const taken = answers.filter(({ status }) => status === 200 || status === 202).length
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThan(6)
    expect(answers.filter(({ body }) => body.code === 'sponsor-budget').length).toBe(6 - taken)
    expect((await sentBy(KEEPER)) - sent).toBe(taken)
  })

  it('of a network', async () => {
    const { url } = await sponsoring({ perOriginCount: 2 })
    await opened(url, await penniless())
    await opened(url, await penniless())
    const third = await penniless()
    const answer = await handIn(url, 'open', await third.open(third.terms()))
    expect(answer).toMatchObject({ status: 429, body: { code: 'sponsor-origin-count' } })
  })

  it('one call of an address at a time, so that none can spoil another', async () => {
    const { url } = await sponsoring()
    const tenant = await penniless()
    const leaseId = await opened(url, tenant)
    await handIn(url, 'close', await tenant.close(leaseId))
    // Each alone would pass its simulation; together all but the first would fail at the sponsor's cost.
    const bodies = await Promise.all([1, 2, 3, 4].map(() => tenant.withdraw(1_000_000n)))
    const sent = await sentBy(KEEPER)
    const answers = await Promise.all(bodies.map((body) => handIn(url, 'withdraw', body)))
    expect(answers.filter(({ status }) => status === 200).length).toBe(1)
    expect((await sentBy(KEEPER)) - sent).toBe(1)
    expect(await balanceOf(tenant.address)).toBe(0n)
  })
})

describe('a tenant who means harm', () => {
  it('pays double for calls that it lets fail, and is left alone after a few', async () => {
    const { url } = await sponsoring({ maxReverts: 2 })
    const tenant = await penniless()
    const leaseId = await opened(url, tenant)
    await local.anvil.client.setBalance({ address: tenant.address, value: 10n ** 18n })
    const before = await remaining(url, tenant.address)
    for (let round = 1; round <= 2; round++) {
      const body = await tenant.close(leaseId)
      const sent = await sentBy(KEEPER)
      await local.anvil.client.setAutomine(false)
      try {
        const answer = await handIn(url, 'close', body, 0)
        expect(answer).toMatchObject({ status: 202, body: { state: 'waiting' } })
        const pending = { address: local.anvil.account(KEEPER).address, blockTag: 'pending' } as const
        await until(async () => (await local.anvil.client.getTransactionCount(pending)) > sent, 'sent')
        // Simulated and sent; now its nonce is taken away before it is mined.
        await local.anvil.wallet(accounts - 1).writeContract({
          ...{ address: local.deployment.leaseMandates, abi: leaseMandatesAbi },
          ...{ functionName: 'cancelNonce', args: [body.nonce], gas: 100_000n },
          ...{ maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 11n },
        })
        await local.anvil.client.mine({ blocks: 1 })
      } finally {
        await local.anvil.client.setAutomine(true)
      }
      const { id } = (await handIn(url, 'close', body)).body
      await until(
        async () => (await getJson(`${url}/api/sponsor/${id}`)).body['state'] === ('refused' as never),
        'refused',
      )
      expect((await remaining(url, tenant.address)).count).toBe(before.count - 2 * round)
    }
    const next = await handIn(url, 'close', await tenant.close(leaseId))
    expect(next).toMatchObject({ status: 429, body: { code: 'sponsor-reverts' } })
  })

  it('as a wallet contract is heard by ERC-1271, and not when asking it takes too much', async () => {
    const { url } = await sponsoring()
    const deploy = async (runtime: string): Promise<Address> => {
      const size = (runtime.length / 2).toString(16).padStart(2, '0')
      const hash = await local.anvil.wallet(TENANT).sendTransaction({
        data: `0x60${size}80600b6000396000f3${runtime}`,
      })
      return (await local.anvil.client.waitForTransactionReceipt({ hash })).contractAddress!
    }
    const handInFor = async (wallet: Address) => {
      await mint(local, wallet, 2_000_000n)
      const terms = { ...local.terms(TENANT, 1), tenant: wallet }
      const body = { terms, manifest: '0x', validAfter: 0n, validBefore: FAR, signature: '0xc0ffee' }
      return { answer: await handIn(url, 'open', body), leaseId: await local.idOf(terms) }
    }
    // Says yes to everything; says no; goes on for ever.
    const yes = await handInFor(await deploy('631626ba7e60e01b60005260206000f3'))
    expect(yes.answer).toMatchObject({ status: 200, body: { state: 'done' } })
    expect((await local.leaseOf(yes.leaseId)).status).toBe(2)
    for (const runtime of ['60206000f3', '5b600056']) {
      const { answer } = await handInFor(await deploy(runtime))
      expect(answer).toMatchObject({ status: 422, body: { code: 'signature-invalid' } })
    }
  })
})

describe('killed with SIGKILL', () => {
  it.each([
    ['before anything was signed', 'eth_getTransactionCount', 'failed'],
    ['after it was signed and before it was sent', 'eth_sendRawTransaction', 'done'],
  ] as const)('%s: counted once, sent once', async (_, method, becomes) => {
    const dataDir = harness.freshFolder()
    const tenant = await penniless()
    const settings = { sponsor: { enabled: true }, dataDir }
    const { child, ended, says } = await harness.spawnKeeper(
      { ...harness.raw({ ...settings, rpcUrls: [proxy.url] }), logLevel: 'info' },
      { DECLOUD_KEEPER_PRIVATE_KEY: keyOf(local) },
    )
    const url = (await says(/"url":"(http:[^"]+)"/))[1]!
    proxy.judge = async (call) => {
      if (call.method !== method) return 'forward'
      child.kill('SIGKILL')
      await ended
      return 'refuse'
    }
    const terms = tenant.terms()
    const body = await tenant.open(terms)
    await expect(handIn(url, 'open', body)).rejects.toThrow()
    expect((await ended).signal).toBe('SIGKILL')
    const sent = await sentBy(KEEPER)

    const keeper = await harness.boot(settings)
    const usage = () => remaining(keeper.url, tenant.address)
    if (becomes === 'failed') {
      await until(async () => (await usage()).count === 10, 'given back')
      expect(await handIn(keeper.url, 'open', body)).toMatchObject({ status: 200, body: { state: 'done' } })
    } else {
      await until(async () => (await local.leaseOf(await local.idOf(terms))).status === 2, 'opened')
    }
    expect(await handIn(keeper.url, 'open', body)).toMatchObject({ status: 200, body: { state: 'done' } })
    expect(await usage()).toMatchObject({ count: 9 })
    expect((await sentBy(KEEPER)) - sent).toBe(1)
  })
})
