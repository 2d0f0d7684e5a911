// Which chain an RPC serves, and whether the contracts on it are the ones the deployment speaks of.
import type { Deployment } from '@decloud/protocol'
import { type Address, type Hex, keccak256 } from 'viem'
import type { RpcClient } from './connect.ts'
import { ChainError } from './errors.ts'
import { hostOf } from './rpc-errors.ts'

/** `codes` are the hashes of the contracts' code by their name in the deployment. */
export type Identity = {
  host: string
  chainId: number
  genesis: Hex
  codes: Readonly<Record<string, Hex>>
}

const contractsOf = (deployment: Deployment): [name: string, address: Address][] => {
  const { chainId: _, fromBlock: __, ...contracts } = deployment
  return Object.entries(contracts).flatMap(([name, address]) =>
    address === undefined ? [] : [[name, address]],
  )
}

/**
 * @throws ChainError `chain-id-wrong` or `contract-missing` when the RPC serves something else than the deployment, and
 *   whatever the client throws when it does not answer.
 */
export const readIdentity = async (client: RpcClient, deployment: Deployment): Promise<Identity> => {
  const host = hostOf(client.transport.url ?? '')
  const [chainId, genesis] = await Promise.all([client.getChainId(), client.getBlock({ blockNumber: 0n })])
  // The contracts of another chain need not be looked for.
  if (chainId !== deployment.chainId) return { host, chainId, genesis: genesis.hash, codes: {} }
  const codes = await Promise.all(
    contractsOf(deployment).map(async ([name, address]) => {
      const code = await client.getCode({ address })
      return [name, code === undefined || code === '0x' ? null : keccak256(code), address] as const
    }),
  )
  const missing = codes.find(([, hash]) => hash === null)
  if (missing !== undefined) {
    const [name, , address] = missing
    throw new ChainError('contract-missing', `There is no contract at ${address} (${name}).`, {
      hint: 'The deployment file belongs to another chain, or the local chain was started anew: deploy again.',
      details: { name, address, chainId, host },
    })
  }
  return {
    host,
    chainId,
    genesis: genesis.hash,
    codes: Object.fromEntries(codes.map(([name, hash]) => [name, hash!])),
  }
}

/** @throws ChainError `rpc-disagree` when two RPCs serve different chains or different contracts. */
export const checkSame = (one: Identity, other: Identity): void => {
  if (one.chainId !== other.chainId || one.genesis !== other.genesis) {
    throw new ChainError(
      'rpc-disagree',
      `The RPCs at ${one.host} and ${other.host} serve different chains.`,
      {
        hint: 'Keep only the URLs of the chain of the deployment file.',
        details: { [one.host]: one.chainId, [other.host]: other.chainId },
      },
    )
  }
  const odd = Object.keys(one.codes).find((name) => one.codes[name] !== other.codes[name])
  if (odd === undefined) return
  throw new ChainError(
    'rpc-disagree',
    `The RPCs at ${one.host} and ${other.host} have different code at the address of ${odd}.`,
    {
      hint: 'One of them lies or serves a fork: look the address up in an explorer, and drop that URL.',
      details: { [one.host]: one.codes[odd] ?? null, [other.host]: other.codes[odd] ?? null },
    },
  )
}

/** @throws ChainError `chain-id-wrong`. */
export const checkChainId = (deployment: Deployment, { host, chainId }: Identity): void => {
  if (chainId === deployment.chainId) return
  throw new ChainError(
    'chain-id-wrong',
    `The RPC at ${host} serves chain ${chainId}, the deployment is on chain ${deployment.chainId}.`,
    {
      hint: 'Give the RPC of the right chain, or the deployment file of this one.',
      details: { expected: deployment.chainId, found: chainId },
    },
  )
}
