// Whether a token takes EIP-2612 permits, found out by asking it.
import { type Address, parseAbi } from 'viem'
import { getBlock, getCode, readContract } from 'viem/actions'
import type { Runtime } from '../../data/runtime.tsx'
import { readTokenDomain } from '../../data/token.ts'
import type { Payment } from './payment.ts'

export const permitTypes = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const

const permitAbi = parseAbi(['function nonces(address) view returns (uint256)'])

/** Seconds for which a signed payment may wait for its transaction. */
const PERMIT_LIFETIME = 86_400n

/**
 * How `owner` can best pay: with a signature when token and account can, else with an approval.
 * @param sponsored whether somebody offers to submit the opening.
 */
export const choosePayment = async (
  runtime: Runtime,
  owner: Address,
  sponsored: boolean,
): Promise<Payment> => {
  const { client, config } = runtime
  // A contract account signs by ERC-1271, which this permit form cannot carry.
  const code = await getCode(client, { address: owner })
  if (code !== undefined && code !== '0x' && !code.startsWith(DELEGATION)) return { from: 'approval' }
  const [domain, nonce] = await Promise.all([
    readTokenDomain(runtime),
    readContract(client, {
      address: config.usdc,
      abi: permitAbi,
      functionName: 'nonces',
      args: [owner],
    }).catch(() => null),
  ])
  // Any refusal means "no permits here": an approval works with every token.
  if (domain === null || nonce === null) return { from: 'approval' }
  const { timestamp } = await getBlock(client)
  const until = timestamp + PERMIT_LIFETIME
  // A token of this form knows EIP-3009 too.
  return sponsored
    ? { from: 'authorization', domain, validAfter: 0n, validBefore: until }
    : { from: 'permit', domain, nonce, deadline: until }
}

// EIP-7702: an account that delegates still signs with its own key.
const DELEGATION = '0xef0100'
