// The two things every transaction step shares: asked of the wallet only after the node agreed it would succeed, and
// verified by its receipt.

import { DecloudError } from '@decloud/protocol/errors'
import type { Abi, Address, ContractFunctionArgs, ContractFunctionName, Hex } from 'viem'
import { wrongNetwork } from '../data/errors.ts'
import { CommitmentVoid, type FlowEnv } from './flow.ts'

const RECEIPT_TIMEOUT_MS = 180_000

/**
 * Simulates, then asks the wallet to send.
 * @throws the decoded revert, before the wallet opens, when the call would fail.
 */
export const send = async <
  const abi extends Abi,
  name extends ContractFunctionName<abi, 'nonpayable'>,
  const args extends ContractFunctionArgs<abi, 'nonpayable', name>,
>(
  env: FlowEnv,
  call: { address: Address; abi: abi; functionName: name; args: args },
): Promise<Hex> => {
  const signer = await env.signer()
  await assertNetwork(env, await signer.getChainId())
  // viem infers the request from abi, name and arguments; through these generics it cannot see that they fit.
  const request = { ...call, account: signer.account, chain: env.runtime.chain } as unknown as Parameters<
    typeof signer.writeContract
  >[0]
  await env.runtime.client.simulateContract(
    request as Parameters<typeof env.runtime.client.simulateContract>[0],
  )
  return signer.writeContract(request)
}

export const assertNetwork = async (env: FlowEnv, chainId: number): Promise<void> => {
  if (chainId !== env.runtime.config.chainId) throw wrongNetwork(env.runtime.chain.name)
}

/**
 * @throws CommitmentVoid when the transaction reverted; viem's WaitForTransactionReceiptTimeoutError while it is
 *   not included.
 */
export const included = async (env: FlowEnv, hash: Hex): Promise<void> => {
  const receipt = await env.runtime.client.waitForTransactionReceipt({ hash, timeout: RECEIPT_TIMEOUT_MS })
  if (receipt.status === 'success') return
  throw new CommitmentVoid(
    new DecloudError('transaction-reverted', 'The transaction was included, but the contract refused it.', {
      hint: 'Nothing was paid but the network fee. Try again to see why.',
      details: { transaction: hash },
    }),
  )
}
