import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, isRetryable } from '../src/index.ts'
import { type Local, startLocal } from './local.ts'
import { startRpcProxy } from './rpc-proxy.ts'

let local: Local
beforeAll(async () => {
  local = await startLocal()
})
afterAll(() => local?.stop())

const failure = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => null,
    (e: unknown) => e,
  )
  return {
    code: (error as { code?: string } | null)?.code,
    retryable: isRetryable(error),
    error: String(error),
  }
}

describe('connect', () => {
  it('accepts the chain of the deployment', async () => {
    const chain = await connect({ urls: [local.anvil.rpcUrl], deployment: local.deployment })
    expect(await chain.request('read the chain id', (client) => client.getChainId())).toBe(31_337)
  })

  it('refuses another chain id, and says both', async () => {
    const wrong = { ...local.deployment, chainId: 137 }
    const { code, retryable, error } = await failure(
      connect({ urls: [local.anvil.rpcUrl], deployment: wrong }),
    )
    expect({ code, retryable }).toEqual({ code: 'chain-id-wrong', retryable: false })
    expect(error).toMatch(/serves chain 31337, the deployment is on chain 137/)
  })

  it('refuses an address without code', async () => {
    const wrong = { ...local.deployment, nodeRegistry: local.anvil.account(9).address }
    const { code, error } = await failure(connect({ urls: [local.anvil.rpcUrl], deployment: wrong }))
    expect(code).toBe('contract-missing')
    expect(error).toContain('nodeRegistry')
  })

  it('refuses RPCs of different chains', async () => {
    const other = await startLocal({ blockTime: 0 })
    const proxy = await startRpcProxy(other.anvil.rpcUrl)
    proxy.judge = ({ method }) => (method === 'eth_chainId' ? { answer: '0x89' } : 'forward')
    try {
      const { code } = await failure(
        connect({ urls: [local.anvil.rpcUrl, proxy.url], deployment: local.deployment }),
      )
      expect(code).toBe('rpc-disagree')
    } finally {
      await proxy.close()
      await other.stop()
    }
  })

  it('says that an RPC does not answer, without the key in its URL, and that it is worth a retry', async () => {
    const urls = ['http://127.0.0.1:9/v2/secret-key']
    const found = await failure(connect({ urls, deployment: local.deployment, timeoutMs: 500, retries: 1 }))
    expect(found).toMatchObject({ code: 'rpc-unreachable', retryable: true })
    expect(found.error).toContain('127.0.0.1:9')
    expect(found.error).not.toContain('secret-key')
  })

  it('lives with one dead RPC of two, and moves over when the first dies later', async () => {
    const proxy = await startRpcProxy(local.anvil.rpcUrl)
    const chain = await connect({
      urls: ['http://127.0.0.1:9', proxy.url, local.anvil.rpcUrl],
      deployment: local.deployment,
      timeoutMs: 1_000,
    })
    const read = () => chain.request('read the head', (client) => client.getBlockNumber())
    expect(await read()).toBeGreaterThan(0n)
    await proxy.close()
    expect(await read()).toBeGreaterThan(0n)
  })
})
