// The two things every transaction step shares: asked of the wallet only after the node agreed it would succeed, and
// verified by its receipt.

import { DecloudError } from '@decloud/protocol/errors'
import type {
  Abi,
  Address,
  ContractFunctionArgs,
  ContractFunctionName,
  Hex,
  SimulateContractParameters,
  WriteContractParameters,
} from 'viem'
import {
  getChainId,
  getTransaction,
  simulateContract,
  waitForTransactionReceipt,
  writeContract,
} from 'viem/actions'
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
  await assertNetwork(env, await getChainId(signer))
  // viem infers a request from abi, name and arguments; behind these generics it cannot see that they fit, though
  // the signature above has just checked it.
  const request = { ...call, account: signer.account, chain: env.runtime.chain } as unknown
  await simulateContract(env.runtime.client, request as SimulateContractParameters)
  return writeContract(signer, request as WriteContractParameters)
}

export const assertNetwork = async (env: FlowEnv, chainId: number): Promise<void> => {
  if (chainId !== env.runtime.config.chainId) throw wrongNetwork(env.runtime.chain.name)
}

/**
 * @throws CommitmentVoid when the transaction reverted or the network has dropped it; viem's
 *   WaitForTransactionReceiptTimeoutError while it is known and not included.
 */
export const included = async (env: FlowEnv, hash: Hex): Promise<void> => {
  const { client } = env.runtime
  const receipt = await waitForTransactionReceipt(client, { hash, timeout: RECEIPT_TIMEOUT_MS }).catch(
    async (error: unknown) => {
      if (await isDropped(env, hash)) throw new CommitmentVoid(dropped(hash))
      throw error
    },
  )
  if (receipt.status === 'success') return
  throw new CommitmentVoid(
    new DecloudError('transaction-reverted', 'The transaction was included, but the contract refused it.', {
      hint: 'Nothing was paid but the network fee. Try again to see why.',
      details: { transaction: hash },
    }),
  )
}

/** True only when the network answered that it knows no such transaction. */
const isDropped = (env: FlowEnv, hash: Hex): Promise<boolean> =>
  getTransaction(env.runtime.client, { hash }).then(
    () => false,
    (error: unknown) => error instanceof Error && error.name === 'TransactionNotFoundError',
  )

const dropped = (hash: Hex) =>
  new DecloudError('transaction-dropped', 'The network has dropped the transaction.', {
    hint: 'Try again; it can no longer be included.',
    details: { transaction: hash },
  })
