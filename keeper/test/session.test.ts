import { createSiweMessage } from 'viem/siwe'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Local, startLocal, TENANT } from '../../chain/test/local.ts'
import type { Keeper } from '../src/index.ts'
import { type Harness, makeHarness } from './harness.ts'
import { askToSignIn, post, signIn } from './sign-in.ts'

let local: Local
let harness: Harness
let keeper: Keeper

beforeAll(async () => {
  local = await startLocal()
  harness = await makeHarness(local)
  keeper = await harness.boot()
})
afterAll(async () => {
  await harness?.close()
  await local?.stop()
})

const who = (token: string, url = keeper.url) =>
  fetch(`${url}/api/session`, { headers: { authorization: `Bearer ${token}` } })

describe('signing in', () => {
  it('opens a session for the account that signed, and for nobody without a token', async () => {
    const account = local.anvil.account(TENANT)
    const session = await signIn(keeper.url, account)
    expect(session.address).toBe(account.address)
    const answer = await who(session.accessToken)
    expect(await answer.json()).toEqual({ address: account.address, expiresAt: session.accessExpiresAt })
    expect((await fetch(`${keeper.url}/api/session`)).status).toBe(401)
    const other = `${session.accessToken.slice(0, -1)}${session.accessToken.endsWith('A') ? 'B' : 'A'}`
    expect(await (await who(other)).json()).toMatchObject({ code: 'session-unknown', status: 401 })
    // A refresh token is no access token.
    expect((await who(session.refreshToken)).status).toBe(401)
  })

  it('takes a nonce once, and only one of its own', async () => {
    const account = local.anvil.account(TENANT)
    const fields = await askToSignIn(keeper.url, account.address)
    const sign = async (change: object) => {
      const message = createSiweMessage({ ...fields, ...change })
      return { message, signature: await account.signMessage({ message }) }
    }
    const login = async (change: object) => post(keeper.url, '/api/session/login', await sign(change))
    const refusals = [
      [{ domain: 'evil.example' }, 'sign-in-refused'],
      [{ domain: 'localhost.evil.example:80' }, 'sign-in-refused'],
      [{ uri: 'https://another-keeper.example' }, 'sign-in-refused'],
      [{ chainId: 1 }, 'sign-in-refused'],
      [{ expirationTime: new Date(Date.now() - 1_000) }, 'sign-in-refused'],
      [{ notBefore: new Date(Date.now() + 3_600_000) }, 'sign-in-refused'],
      [{ issuedAt: new Date(Date.now() + 3_600_000) }, 'sign-in-refused'],
      [{ nonce: '0'.repeat(64) }, 'nonce-invalid'],
      // Somebody else's account under our signature.
      [{ address: local.anvil.account(9).address }, 'signature-wrong'],
    ] as const
    for (const [change, code] of refusals) expect((await login(change)).body).toMatchObject({ code })
    // None of these used the nonce up; the good one does.
    expect((await login({})).status).toBe(200)
    expect((await login({})).body).toMatchObject({ code: 'nonce-invalid', status: 400 })
  })

  it('lets one of two sign-ins with one nonce in, when they race', async () => {
    const account = local.anvil.account(TENANT)
    const message = createSiweMessage(await askToSignIn(keeper.url, account.address))
    const signature = await account.signMessage({ message })
    const racers = Array.from({ length: 8 }, () =>
      post(keeper.url, '/api/session/login', { message, signature }),
    )
    expect((await Promise.all(racers)).filter(({ status }) => status === 200)).toHaveLength(1)
  })
})

describe('a session', () => {
  it('is refreshed with tokens that work once; a second use ends it for both', async () => {
    const first = await signIn(keeper.url, local.anvil.account(TENANT))
    const next = await post(keeper.url, '/api/session/refresh', { refreshToken: first.refreshToken })
    expect(next.status).toBe(200)
    const { accessToken, refreshToken } = next.body as unknown as typeof first
    expect((await who(first.accessToken)).status).toBe(401)
    expect((await who(accessToken)).status).toBe(200)
    const again = await post(keeper.url, '/api/session/refresh', { refreshToken: first.refreshToken })
    expect(again.body).toMatchObject({ code: 'session-reused', status: 401 })
    expect((await who(accessToken)).status).toBe(401)
    expect((await post(keeper.url, '/api/session/refresh', { refreshToken })).body).toMatchObject({
      code: 'session-unknown',
    })
  })

  it('outlives a restart, and ends with a logout', async () => {
    const dataDir = harness.freshFolder()
    const before = await harness.boot({ dataDir })
    const { accessToken } = await signIn(before.url, local.anvil.account(TENANT))
    await before.close()
    const after = await harness.boot({ dataDir })
    expect((await who(accessToken, after.url)).status).toBe(200)
    const out = await fetch(`${after.url}/api/session/logout`, {
      ...{ method: 'POST', headers: { authorization: `Bearer ${accessToken}` } },
    })
    expect(out.status).toBe(204)
    expect((await who(accessToken, after.url)).status).toBe(401)
  })
})
