// Steps of a flow that a sponsor may carry out: the tenant signs what is to be done, the sponsor sends it. The signature
// serves the tenant just as well, so without a sponsor the same call goes out with the tenant's own gas.
import type { Abi, Account, Address, ContractFunctionArgs, ContractFunctionName, Hex } from 'viem'
import { getBlock, getChainId, type SignTypedDataParameters, signTypedData } from 'viem/actions'
import type { SponsorKind } from '@decloud/protocol/wire/sponsor'
import { handIn } from '../data/sponsor.ts'
import type { FlowEnv } from './flow.ts'
import { assertNetwork, send } from './send.ts'

/** Seconds for which what was signed may be carried out. */
const LIFETIME = 3_600n

/** What makes a mandate singular: a nonce never used before, and a deadline on the chain's clock. */
export type Once = { nonce: bigint; deadline: bigint }

/** Nonces of one account that lie close together share a slot: milliseconds do. */
export const newOnce = (chainSeconds: number): Once => ({
  nonce: BigInt(Date.now()),
  deadline: BigInt(chainSeconds) + LIFETIME,
})

/** Asks the wallet for a signature over typed data, on the right network. */
export const sign = async (env: FlowEnv, typed: object): Promise<Hex> => {
  const signer = await env.signer()
  await assertNetwork(env, await getChainId(signer))
  // The typed data of the protocol are literal types of their own; viem infers them only one by one.
  return signTypedData(signer, typed as SignTypedDataParameters<never, never, Account>)
}

/** Whether what was signed can still be carried out. */
export const isGood = async (env: FlowEnv, { deadline }: Pick<Once, 'deadline'>): Promise<boolean> =>
  (await getBlock(env.runtime.client)).timestamp <= deadline

/**
 * By the sponsor, else with the tenant's own gas.
 * @throws the contract's refusal, from either.
 */
export const carryOut = async <
  const abi extends Abi,
  name extends ContractFunctionName<abi, 'nonpayable'>,
  const args extends ContractFunctionArgs<abi, 'nonpayable', name>,
>(
  env: FlowEnv,
  request: { kind: SponsorKind; body: object },
  own: { address: Address; abi: abi; functionName: name; args: args },
): Promise<Hex> => {
  const sponsored = await handIn(env.runtime, request.kind, request.body)
  return sponsored?.transaction ?? send(env, own)
}
