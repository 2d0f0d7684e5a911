// What stands between a filled form and a signature, most basic first. Pure.
import { DecloudError } from '@decloud/protocol/errors'
import { gasMissing, shortBalance, wrongNetwork } from '../../data/errors.ts'
import type { Funds } from '../wallet/index.ts'

/** Opening with a manifest and a permit, measured generously. */
const OPEN_GAS = 450_000n

export type PreflightInput = {
  connected: boolean
  wrongNetwork: boolean
  chain: string
  symbol: string
  /** Why the size does not fit the node, from `fits`. */
  unfit: string | undefined
  nodeActive: boolean
  sshKeyProblem: string | undefined
  funds: Funds | undefined
  deposit: bigint
  payFrom: 'wallet' | 'balance'
  /** Whether somebody else pays the gas. */
  sponsored: boolean
}

/** @returns the first obstacle, or undefined when the wallet may be asked. */
export const preflight = (input: PreflightInput): DecloudError | undefined => {
  if (!input.nodeActive) {
    return new DecloudError('node-draining', 'This node takes no new leases.', {
      hint: 'Choose another node.',
    })
  }
  if (input.unfit !== undefined) {
    return new DecloudError('size-unfit', `This size does not fit the node: ${input.unfit}.`, {
      hint: 'Choose a smaller size or another node.',
    })
  }
  if (!input.connected) {
    return new DecloudError('wallet-missing', 'No wallet is connected.', { hint: 'Connect one to go on.' })
  }
  if (input.wrongNetwork) return wrongNetwork(input.chain)
  if (input.sshKeyProblem !== undefined) {
    return new DecloudError('ssh-key', input.sshKeyProblem)
  }
  if (input.funds === undefined) return undefined
  const { wallet, internal, gas, gasPrice } = input.funds
  if (input.payFrom === 'balance' && internal < input.deposit) {
    return shortBalance('Your DeCloud balance', internal, input.deposit, 'Pay from your wallet instead.')
  }
  if (input.payFrom === 'wallet' && wallet < input.deposit) {
    return shortBalance(
      'Your wallet',
      wallet,
      input.deposit,
      `Send USDC to it on ${input.chain}, or choose a smaller size or a shorter time.`,
    )
  }
  return !input.sponsored && gas < OPEN_GAS * gasPrice ? gasMissing(input.symbol, input.chain) : undefined
}
