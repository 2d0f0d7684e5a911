// Signatures instead of transactions, against the contracts: what a tenant signs, a stranger carries out.
import {
  autoRenewMandate,
  closeMandate,
  leaseEscrowAbi,
  leaseMandatesAbi,
  mockUSDCAbi,
  openAuthorization,
  type TokenDomain,
  topUpAuthorization,
  topUpMandate,
  withdrawMandate,
} from '@decloud/protocol'
import { domainSeparator, type Hex, toHex, zeroAddress } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AGENT, type Local, startLocal, TENANT } from '../../chain/test/local.ts'

/** Pays the gas and has no other part in it. */
const STRANGER = 5
const FAR = 2n ** 40n

let local: Local
let usdc: TokenDomain
let nonces = 0n

beforeAll(async () => {
  local = await startLocal()
  await local.register()
  const { chainId, usdc: verifyingContract } = local.deployment
  const token = { address: verifyingContract, abi: mockUSDCAbi } as const
  const name = await local.anvil.client.readContract({ ...token, functionName: 'name' })
  const version = await local.anvil.client.readContract({ ...token, functionName: 'version' })
  usdc = { name, version, chainId, verifyingContract }
  const separator = await local.anvil.client.readContract({ ...token, functionName: 'DOMAIN_SEPARATOR' })
  expect(domainSeparator({ domain: usdc })).toBe(separator)
  await local.fund(TENANT, 100_000_000n)
  await local.escrow(TENANT, 'deposit', [50_000_000n])
})
afterAll(() => local?.stop())

const once = () => {
  nonces += 1n
  return { nonce: nonces, deadline: FAR }
}
const tenant = () => local.anvil.account(TENANT)
const mandates = (functionName: string, args: readonly unknown[]) =>
  local.call(STRANGER, 'leaseMandates', functionName, args)
const leaseOf = (leaseId: Hex) =>
  local.anvil.client.readContract({
    ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi },
    functionName: 'leaseOf',
    args: [leaseId],
  })
const balanceOf = (account: Hex) =>
  local.anvil.client.readContract({
    ...{ address: local.deployment.leaseEscrow, abi: leaseEscrowAbi },
    functionName: 'balanceOf',
    args: [account],
  })
const usdcOf = (account: Hex) =>
  local.anvil.client.readContract({
    ...{ address: local.deployment.usdc, abi: mockUSDCAbi },
    functionName: 'balanceOf',
    args: [account],
  })
const running = async (deposit = 1_000_000n) => {
  const leaseId = await local.open(TENANT, 1, { deposit })
  await local.escrow(AGENT, 'activate', [leaseId, toHex(7, { size: 32 })])
  return leaseId
}

describe('one signature', () => {
  it('opens a lease that the tenant pays for and a stranger submits', async () => {
    const terms = local.terms(TENANT, 1)
    const between = { validAfter: 0n, validBefore: FAR }
    const typed = openAuthorization(usdc, local.deployment.leaseEscrow, terms, between)
    const leaseId = await local.idOf(terms)
    expect(typed.message.nonce).toBe(leaseId)
    const signature = await tenant().signTypedData(typed)
    const before = await usdcOf(tenant().address)
    await local.escrow(STRANGER, 'openWithAuthorization', [terms, '0x', 0n, FAR, signature])
    expect(await leaseOf(leaseId)).toMatchObject({ status: 2, tenant: tenant().address })
    expect(await usdcOf(tenant().address)).toBe(before - terms.deposit)
  })

  it('pays for no other terms', async () => {
    const terms = local.terms(TENANT, 1)
    const typed = openAuthorization(usdc, local.deployment.leaseEscrow, terms, {
      validAfter: 0n,
      validBefore: FAR,
    })
    const signature = await tenant().signTypedData(typed)
    const other = { ...terms, vcpus: 2 }
    await expect(
      local.escrow(STRANGER, 'openWithAuthorization', [other, '0x', 0n, FAR, signature]),
    ).rejects.toThrow(/revert/i)
  })

  it('closes a lease, and the refund goes where it says', async () => {
    const leaseId = await running()
    const to = local.anvil.account(8).address
    const message = { leaseId, to, ...once() }
    const signature = await tenant().signTypedData(closeMandate(local.deployment, message))
    const before = await usdcOf(to)
    await mandates('closeBySig', [leaseId, to, message.nonce, message.deadline, signature])
    expect(await leaseOf(leaseId)).toMatchObject({ status: 4, endReason: 1 })
    expect(await usdcOf(to)).toBeGreaterThan(before)
  })

  it('tops a lease up out of the internal balance', async () => {
    const leaseId = await running()
    const message = { payer: tenant().address, leaseId, amount: 77_000n, ...once() }
    const signature = await tenant().signTypedData(topUpMandate(local.deployment, message))
    const before = await balanceOf(tenant().address)
    const { amount, nonce, deadline } = message
    await mandates('topUpBySig', [tenant().address, leaseId, amount, nonce, deadline, signature])
    expect((await leaseOf(leaseId)).deposited).toBe(1_077_000n)
    expect(await balanceOf(tenant().address)).toBe(before - 77_000n)
  })

  it('tops a lease up out of the wallet, once and no other lease', async () => {
    const leaseId = await running()
    const payment = { payer: tenant().address, leaseId, amount: 66_000n, salt: 5n }
    const between = { validAfter: 0n, validBefore: FAR }
    const typed = topUpAuthorization(usdc, local.deployment.leaseMandates, { ...payment, ...between })
    const signature = await tenant().signTypedData(typed)
    const other = await running()
    const before = await usdcOf(tenant().address)
    const pay = (id: Hex) =>
      mandates('topUpWithAuthorization', [tenant().address, id, 66_000n, 5n, 0n, FAR, signature])
    await expect(pay(other)).rejects.toThrow(/revert/i)
    await pay(leaseId)
    expect((await leaseOf(leaseId)).deposited).toBe(1_066_000n)
    expect(await usdcOf(tenant().address)).toBe(before - 66_000n)
    expect(await usdcOf(local.deployment.leaseMandates)).toBe(0n)
    await expect(pay(leaseId)).rejects.toThrow(/revert/i)
  })

  it('withdraws from the internal balance once, and not twice', async () => {
    const to = local.anvil.account(9).address
    const message = { account: tenant().address, to, amount: 5_000n, ...once() }
    const signature = await tenant().signTypedData(withdrawMandate(local.deployment, message))
    const before = await usdcOf(to)
    const args = [tenant().address, to, message.amount, message.nonce, message.deadline, signature]
    await mandates('withdrawBySig', args)
    expect(await usdcOf(to)).toBe(before + 5_000n)
    await expect(mandates('withdrawBySig', args)).rejects.toThrow(/revert/i)
    const used = await local.anvil.client.readContract({
      ...{ address: local.deployment.leaseMandates, abi: leaseMandatesAbi },
      functionName: 'isNonceUsed',
      args: [tenant().address, message.nonce],
    })
    expect(used).toBe(true)
  })

  it('sets the bounds inside which anybody renews, and no further', async () => {
    const leaseId = await running(300_000n)
    const renewal = { amount: 100_000n, budget: 150_000n, runway: 86_400 }
    const message = { leaseId, ...renewal, ...once() }
    const signature = await tenant().signTypedData(autoRenewMandate(local.deployment, message))
    await mandates('setAutoRenewBySig', [leaseId, renewal, message.nonce, message.deadline, signature])
    await mandates('renew', [leaseId])
    expect((await leaseOf(leaseId)).deposited).toBe(400_000n)
    // What is left of the budget does not pay for another.
    await expect(mandates('renew', [leaseId])).rejects.toThrow(/revert/i)
  })

  it('of somebody else, or over something else, counts for nothing', async () => {
    const leaseId = await running()
    const message = { leaseId, to: zeroAddress, ...once() }
    const typed = closeMandate(local.deployment, message)
    const foreign = await local.anvil.account(STRANGER).signTypedData(typed)
    const args = [leaseId, zeroAddress, message.nonce, message.deadline]
    await expect(mandates('closeBySig', [...args, foreign])).rejects.toThrow(/revert/i)
    const elsewhere = { ...local.deployment, leaseMandates: local.deployment.leaseEscrow }
    const misplaced = await tenant().signTypedData(closeMandate(elsewhere, message))
    await expect(mandates('closeBySig', [...args, misplaced])).rejects.toThrow(/revert/i)
    await mandates('closeBySig', [...args, await tenant().signTypedData(typed)])
  })
})

it('a renewal set by transaction works the same', async () => {
  const leaseId = await running(300_000n)
  const renewal = { amount: 50_000n, budget: 50_000n, runway: 86_400 }
  await local.call(TENANT, 'leaseMandates', 'setAutoRenew', [leaseId, renewal])
  await mandates('renew', [leaseId])
  expect((await leaseOf(leaseId)).deposited).toBe(350_000n)
})
