// How a wallet signs in to the agent of a node (EIP-4361): pure text, the same for the dApp, scripts and the agent.
import type { Address } from 'viem'
import { createSiweMessage } from 'viem/siwe'
import type { Deployment } from './deployment.ts'

type Network = Pick<Deployment, 'chainId' | 'nodeRegistry'>

/**
 * What the message has to name among its resources. Who signs takes the node from the chain, never from the agent that
 * asks: one that passes on the nonce of another node cannot use the signature there.
 */
export const nodeResource = ({ chainId, nodeRegistry }: Network, node: number): string =>
  `urn:decloud:node:${chainId}:${nodeRegistry.toLowerCase()}:${node}`

export type NodeSignIn = {
  deployment: Network
  /** Index in the registry, as the lease has it. */
  node: number
  address: Address
  /** Of the page or program that asks, with its port. */
  domain: string
  /** As the agent answered `POST /v1/session/nonce`. */
  offer: { nonce: string; uri: string; expiresAt: number }
  issuedAt: Date
}

/** @throws viem's SiweInvalidMessageFieldError when a field is not one of EIP-4361. */
export const nodeSignInMessage = ({
  deployment,
  node,
  address,
  domain,
  offer,
  issuedAt,
}: NodeSignIn): string =>
  createSiweMessage({
    ...{ address, domain, uri: offer.uri, nonce: offer.nonce, chainId: deployment.chainId, version: '1' },
    statement: `Sign in to node ${node}. This moves no money and changes nothing on chain.`,
    issuedAt,
    resources: [nodeResource(deployment, node)],
  })
