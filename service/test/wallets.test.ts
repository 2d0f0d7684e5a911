// Signatures of wallet contracts, which are strangers' code: what they may cost this process, and where they may send it.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { askWallet, makeChain } from '@decloud/chain'
import {
  type Address,
  concat,
  encodeAbiParameters,
  encodeErrorResult,
  type Hex,
  hashMessage,
  numberToHex,
  parseAbi,
  size,
  zeroAddress,
} from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Local, startLocal, TENANT } from '../../chain/test/local.ts'
import { type RpcProxy, startRpcProxy } from '../../chain/test/rpc-proxy.ts'
import { makeSignatureCheck } from '../src/sign-in/index.ts'

const MESSAGE = 'let me in'
const SIGNATURE = '0xc0ffee'
const YES = '0x631626ba7e60e01b60005260206000f3'
const NO = '0x60206000f3'
const FOR_EVER = '0x5b600056'

let local: Local
let proxy: RpcProxy
/** `eth_call`s with the gas that each was given. */
const calls: { gas: bigint | null }[] = []

const chainOf = () => makeChain({ urls: [proxy.url], deployment: local.deployment })
const deployment = (runtime: Hex): Hex =>
  concat(['0x61', numberToHex(size(runtime), { size: 2 }), '0x80600c6000396000f3', runtime])
const deploy = async (runtime: Hex): Promise<Address> => {
  const hash = await local.anvil.wallet(TENANT).sendTransaction({ data: deployment(runtime) })
  return (await local.anvil.client.waitForTransactionReceipt({ hash })).contractAddress!
}

/** A wallet that answers by sending whoever asks it to a URL (ERC-3668). */
const sendsTo = (url: string): Hex => {
  const abi = parseAbi([
    'error OffchainLookup(address sender, string[] urls, bytes callData, bytes4 callback, bytes extraData)',
  ])
  const args = [zeroAddress, [url], '0x1234', '0x1626ba7e', '0x'] as const
  const data = encodeErrorResult({ abi, errorName: 'OffchainLookup', args })
  const length = numberToHex(size(data), { size: 2 })
  // The error comes from the code itself, with this contract's own address as its sender.
  return concat(['0x61', length, '0x6012600039', '0x30600452', '0x61', length, '0x6000fd', data])
}

beforeAll(async () => {
  local = await startLocal()
  proxy = await startRpcProxy(local.anvil.rpcUrl)
  proxy.judge = ({ method, params }) => {
    const gas = (params?.[0] as { gas?: Hex } | undefined)?.gas
    if (method === 'eth_call') calls.push({ gas: gas === undefined ? null : BigInt(gas) })
    return 'forward'
  }
})
afterAll(async () => {
  await proxy?.close()
  await local?.stop()
})

describe('a wallet contract', () => {
  it('is heard by ERC-1271, and not when it says no or asking it takes too much', async () => {
    const check = makeSignatureCheck(chainOf())
    expect(await check(await deploy(YES), MESSAGE, SIGNATURE)).toBe(true)
    expect(await check(await deploy(NO), MESSAGE, SIGNATURE)).toBe(false)
    calls.length = 0
    expect(await check(await deploy(FOR_EVER), MESSAGE, SIGNATURE)).toBe(false)
    expect(await check(local.anvil.account(TENANT).address, MESSAGE, SIGNATURE)).toBe(false)
    // A stranger's code gets a share of the RPC, not all that it would give.
    for (const { gas } of calls) expect(gas).toBeLessThanOrEqual(1_000_000n)
    expect(calls.length).toBeGreaterThan(0)
  })

  it('is heard before it exists, with the call that would make it (ERC-6492)', async () => {
    const check = makeSignatureCheck(chainOf())
    const factory = '0x4e59b44847b379578588920ca78fbf26c0b4956c'
    const init = concat([`0x${'0'.repeat(64)}`, deployment(YES)])
    const wallet = (await local.anvil.client.call({ to: factory, data: init })).data!
    const wrapped = (inner: Hex) =>
      concat([
        encodeAbiParameters(
          [{ type: 'address' }, { type: 'bytes' }, { type: 'bytes' }],
          [factory, init, inner],
        ),
        `0x${'6492'.repeat(16)}`,
      ])
    calls.length = 0
    expect(await check(wallet, MESSAGE, wrapped(SIGNATURE))).toBe(true)
    expect(await check(local.anvil.account(9).address, MESSAGE, wrapped(SIGNATURE))).toBe(false)
    for (const { gas } of calls) expect(gas).toBeLessThanOrEqual(1_000_000n)
  })

  it('does not send the process anywhere', async () => {
    const visits: string[] = []
    const inside = createServer((request, response) => {
      visits.push(request.url ?? '')
      response.end('0x1626ba7e')
    })
    await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = inside.address() as AddressInfo
      const wallet = await deploy(sendsTo(`http://127.0.0.1:${port}/latest/meta-data/{data}`))
      const chain = chainOf()
      expect(await askWallet(chain, wallet, hashMessage(MESSAGE), SIGNATURE)).toBe(false)
      expect(await makeSignatureCheck(chain)(wallet, MESSAGE, SIGNATURE)).toBe(false)
      expect(visits).toEqual([])
    } finally {
      await new Promise((resolve) => inside.close(resolve))
    }
  })

  it('is not called a liar because the RPC does not answer', async () => {
    const wallet = await deploy(YES)
    const chain = makeChain({ urls: ['http://127.0.0.1:9'], deployment: local.deployment, retries: 0 })
    await expect(makeSignatureCheck(chain)(wallet, MESSAGE, SIGNATURE)).rejects.toMatchObject({
      code: 'rpc-unreachable',
    })
  })
})
