// A browser wallet for tests: an EIP-6963 provider in the page whose every request is answered here, by a viem
// account on a local chain. What a person would do in its window (approve, decline, be on another network) is a mode.

import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { createWalletClient, type Hex, http, numberToHex, type TypedDataDefinition } from 'viem'
import type { HDAccount } from 'viem/accounts'
import { chainOf } from '../world/anvil.ts'

type RpcRequest = { method: string; params?: readonly unknown[] }
type Answer = { result: unknown } | { error: { code: number; message: string } }

export type TestWallet = {
  /** Declines everything it is asked to sign, with EIP-1193's code 4001. */
  rejecting: boolean
  /** The network it shows to the page. */
  chainId: number
  /** Methods asked, in order. */
  readonly asked: string[]
}

const REJECTED = { error: { code: 4_001, message: 'User rejected the request.' } }
const SIGNING = new Set(['personal_sign', 'eth_signTypedData_v4', 'eth_sendTransaction'])

/** Installs the wallet before any script of the page runs. Its account is hidden until `eth_requestAccounts`. */
export const installWallet = async (
  page: Page,
  options: { account: HDAccount; rpcUrl: string; chainId: number },
): Promise<TestWallet> => {
  const wallet = { rejecting: false, chainId: options.chainId, asked: [] as string[] }
  let connected = false
  const client = createWalletClient({
    account: options.account,
    chain: chainOf(options.rpcUrl),
    transport: http(options.rpcUrl),
  })
  const handle = async ({ method, params = [] }: RpcRequest): Promise<unknown> => {
    switch (method) {
      case 'eth_requestAccounts':
        connected = true
        return [options.account.address]
      case 'eth_accounts':
        return connected ? [options.account.address] : []
      case 'eth_chainId':
        return numberToHex(wallet.chainId)
      case 'wallet_switchEthereumChain':
        wallet.chainId = Number((params[0] as { chainId: Hex }).chainId)
        await page.evaluate(`testWalletEmit('chainChanged', '${numberToHex(wallet.chainId)}')`)
        return null
      case 'wallet_requestPermissions':
        connected = true
        return [{ parentCapability: 'eth_accounts' }]
      case 'wallet_revokePermissions':
        connected = false
        return null
      case 'personal_sign':
        return options.account.signMessage({ message: { raw: params[0] as Hex } })
      case 'eth_signTypedData_v4':
        return options.account.signTypedData(JSON.parse(params[1] as string) as TypedDataDefinition)
      case 'eth_sendTransaction': {
        const { to, data, value } = params[0] as { to: Hex; data: Hex; value?: Hex }
        return client.sendTransaction({ to, data, ...(value === undefined ? {} : { value: BigInt(value) }) })
      }
      default:
        // Anything else is a read that a real wallet would pass to its own RPC.
        return client.request({ method, params } as never)
    }
  }
  await page.exposeFunction('testWalletRequest', async (request: RpcRequest): Promise<Answer> => {
    wallet.asked.push(request.method)
    if (wallet.rejecting && SIGNING.has(request.method)) return REJECTED
    try {
      return { result: await handle(request) }
    } catch (error) {
      return { error: { code: -32_000, message: error instanceof Error ? error.message : String(error) } }
    }
  })
  await page.addInitScript({ path: join(import.meta.dirname, 'injected-wallet.js') })
  return wallet
}
