// A tenant who has USDC and not one coin for gas, and what such a tenant signs.
import {
  autoRenewMandate,
  closeMandate,
  mockUSDCAbi,
  openAuthorization,
  type Terms,
  type TokenDomain,
  topUpAuthorization,
  topUpMandate,
  withdrawMandate,
} from '@decloud/protocol'
import { type Address, type Hex, zeroAddress } from 'viem'
import type { Local } from '../../chain/test/local.ts'
import { toJsonText } from './wire.ts'

export const FAR = 2n ** 40n
const OWNER = 0

export type Answer = {
  status: number
  body: Record<string, never> & { id: Hex; state: string; code: string }
}

/** @param url of the keeper. */
export const handIn = async (url: string, kind: string, body: object, wait = 10): Promise<Answer> => {
  const response = await fetch(`${url}/api/sponsor/${kind}?wait=${wait}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: toJsonText(body),
  })
  // Tests read what they expect of a body; a wrong shape fails there.
  return { status: response.status, body: (await response.json()) as Answer['body'] }
}

export const makePenniless = async (local: Local, index: number, usdc = 100_000_000n) => {
  const account = local.anvil.account(index)
  const { chainId, usdc: token, leaseEscrow } = local.deployment
  await local.anvil.client.setBalance({ address: account.address, value: 0n })
  await mint(local, account.address, usdc)
  const domain: TokenDomain = {
    ...{ name: 'USD Coin', version: '2' },
    ...{ chainId, verifyingContract: token },
  }
  let nonces = 0n
  const once = () => {
    nonces += 1n
    return { nonce: nonces, deadline: FAR }
  }
  return {
    address: account.address,
    account,
    terms: (change: Partial<Terms> = {}) => local.terms(index, 1, change),
    open: async (terms: Terms, validBefore = FAR, manifest: Hex = '0x') => {
      const between = { validAfter: 0n, validBefore }
      const signature = await account.signTypedData(openAuthorization(domain, leaseEscrow, terms, between))
      return { terms, manifest, ...between, signature }
    },
    close: async (leaseId: Hex, to: Address = zeroAddress, change: Partial<ReturnType<typeof once>> = {}) => {
      const message = { leaseId, to, ...once(), ...change }
      return { ...message, signature: await account.signTypedData(closeMandate(local.deployment, message)) }
    },
    topUp: async (leaseId: Hex, amount: bigint) => {
      const message = { payer: account.address, leaseId, amount, ...once() }
      return { ...message, signature: await account.signTypedData(topUpMandate(local.deployment, message)) }
    },
    topUpFromWallet: async (leaseId: Hex, amount: bigint) => {
      const { nonce: salt } = once()
      const message = { payer: account.address, leaseId, amount, salt, validAfter: 0n, validBefore: FAR }
      const typed = topUpAuthorization(domain, local.deployment.leaseMandates, message)
      return { ...message, signature: await account.signTypedData(typed) }
    },
    withdraw: async (amount: bigint, to: Address = account.address) => {
      const message = { account: account.address, to, amount, ...once() }
      return {
        ...message,
        signature: await account.signTypedData(withdrawMandate(local.deployment, message)),
      }
    },
    autoRenew: async (leaseId: Hex, amount: bigint) => {
      const message = { leaseId, amount, budget: amount * 3n, runway: 3_600, ...once() }
      return {
        ...message,
        signature: await account.signTypedData(autoRenewMandate(local.deployment, message)),
      }
    },
  }
}

export const mint = async (local: Local, to: Address, amount: bigint) => {
  const hash = await local.anvil.wallet(OWNER).writeContract({
    ...{ address: local.deployment.usdc, abi: mockUSDCAbi },
    ...{ functionName: 'mint', args: [to, amount] },
  })
  await local.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
}
