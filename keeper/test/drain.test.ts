import { once } from 'node:events'
import { Agent, request } from 'node:http'
import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Local, startLocal } from '../../chain/test/local.ts'
import { closeServer } from '../src/api/close.ts'
import { type Harness, makeHarness, until } from './harness.ts'

describe('closing the server', () => {
  const serve = async () => {
    const app = Fastify({ forceCloseConnections: 'idle' })
    const gate = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    app.get('/slow', async () => {
      asked.resolve()
      await gate.promise
      return 'done'
    })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    return { app, url, asked: asked.promise, finish: () => gate.resolve() }
  }

  it('lets a request under way finish, takes no other, and then waits for nobody', async () => {
    const { app, url, asked, finish } = await serve()
    const slow = fetch(`${url}/slow`)
    await asked
    const closed = closeServer(app, 100_000)
    await until(
      () =>
        fetch(`${url}/slow`).then(
          () => false,
          () => true,
        ),
      'the listener is closed',
    )
    finish()
    expect(await (await slow).text()).toBe('done')
    const began = performance.now()
    await closed
    // Nobody is waited for who is only kept alive.
    expect(performance.now() - began).toBeLessThan(50_000)
  })

  it('cuts off what does not finish within the deadline', async () => {
    const { app, url, asked, finish } = await serve()
    const slow = fetch(`${url}/slow`)
    await asked
    const began = performance.now()
    const closed = closeServer(app, 200)
    await expect(slow).rejects.toThrow('fetch failed')
    expect(performance.now() - began).toBeGreaterThan(150)
    finish()
    await closed
  })
})

describe('a keeper that is told to stop', () => {
  let local: Local
  let harness: Harness
  beforeAll(async () => {
    local = await startLocal()
    harness = await makeHarness(local)
  })
  afterAll(async () => {
    await harness?.close()
    await local?.stop()
  })
  const boot = async (drain: object) => {
    const keeper = await harness.spawnKeeper({ ...harness.raw(), logLevel: 'info', drain })
    const [, url] = await keeper.says(/"url":"(http:[^"]+)"/)
    await until(async () => (await fetch(`${url}/health`)).status === 200, 'the keeper is ok')
    return { ...keeper, url: url! }
  }

  it('says so in /health while it still answers, then ends with 0', async () => {
    const { child, ended, url } = await boot({ noticeSeconds: 3 })
    child.kill('SIGTERM')
    await until(async () => (await fetch(`${url}/health`)).status === 503, 'health says no')
    const body = (await (await fetch(`${url}/health`)).json()) as {
      status: string
      reasons: { code: string }[]
    }
    expect(body.status).toBe('draining')
    expect(body.reasons[0]?.code).toBe('draining')
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
    expect((await fetch(`${url}/api/leases`)).status).toBe(200)
    expect(await ended).toEqual({ code: 0, signal: null })
  })

  it('does not wait for connections that are only kept open', async () => {
    const { child, ended, url } = await boot({ deadlineSeconds: 60 })
    const agent = new Agent({ keepAlive: true })
    const [response] = await once(request(`${url}/health`, { agent }).end(), 'response')
    response.resume()
    await once(response, 'end')
    const began = performance.now()
    child.kill('SIGINT')
    expect(await ended).toEqual({ code: 0, signal: null })
    expect(performance.now() - began).toBeLessThan(20_000)
    agent.destroy()
  })

  it('ends at once at a second signal', async () => {
    const { child, ended, url } = await boot({ noticeSeconds: 300 })
    child.kill('SIGTERM')
    await until(async () => (await fetch(`${url}/health`)).status === 503, 'it drains')
    child.kill('SIGINT')
    expect(await ended).toEqual({ code: null, signal: 'SIGINT' })
  })
})
