// Steps of a flow that a sponsor may carry out: the tenant signs what is to be done, the sponsor sends it. The signature
// serves the tenant just as well, so without a sponsor the same call goes out with the tenant's own gas.
import { DecloudError } from '@decloud/protocol/errors'
import type { SponsorKind } from '@decloud/protocol/wire/sponsor'
import { useQuery } from '@tanstack/react-query'
import type { Abi, Address, ContractFunctionArgs, ContractFunctionName, Hex } from 'viem'
import { getBlock, getChainId } from 'viem/actions'
import { useChainNow } from '../data/clock.tsx'
import { useRuntime } from '../data/runtime.tsx'
import { handIn, offers, sponsorQuery } from '../data/sponsor.ts'
import { CommitmentVoid, type FlowEnv, type Signer } from './flow.ts'
import { assertNetwork, send } from './send.ts'

/** Seconds for which what was signed may be carried out. */
const LIFETIME = 3_600n

/** What makes a mandate singular: a nonce never used before, and a deadline on the chain's clock. */
export type Once = { nonce: bigint; deadline: bigint }

/** Nonces of one account that lie close together share a slot: milliseconds do. */
const newOnce = (chainSeconds: number): Once => ({
  nonce: BigInt(Date.now()),
  deadline: BigInt(chainSeconds) + LIFETIME,
})

/** What an earlier step of a sponsored flow has left. @throws DecloudError for a record of another shape. */
export const needed = <value>(value: value | undefined): value => {
  if (value !== undefined) return value
  throw new DecloudError('flow-incomplete', 'This was not begun with a signature.', {
    hint: 'Discard it and begin again.',
  })
}

/** The wallet, on the right network, about to be asked for a signature. */
export const signerHere = async (env: FlowEnv): Promise<Signer> => {
  const signer = await env.signer()
  await assertNetwork(env, await getChainId(signer))
  return signer
}

/** @throws CommitmentVoid once what was signed can no longer be carried out. */
export const stillGood = async (env: FlowEnv, deadline: bigint): Promise<void> => {
  if ((await getBlock(env.runtime.client)).timestamp < deadline) return
  throw new CommitmentVoid(
    new DecloudError('signature-expired', 'What you signed has expired before it was carried out.', {
      hint: 'Discard it and begin again; nothing was paid.',
    }),
  )
}

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

/** `{ once }` for the parameters of a flow that a sponsor offers to carry out, and nothing where none does. */
export const useOnce = (account: Address | undefined): (() => { once?: Once }) => {
  const runtime = useRuntime()
  const now = useChainNow()
  const sponsor = useQuery(sponsorQuery(runtime, account)).data
  return () => (offers(sponsor) && now !== undefined ? { once: newOnce(now) } : {})
}
