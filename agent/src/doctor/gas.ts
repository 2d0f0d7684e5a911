// Whether the agent can pay for what it has to send.
import { marketFees } from '@decloud/chain'
import { formatEther } from 'viem'
import { type Finding, fail, ok, warn } from './finding.ts'
import { keysOf } from './keys.ts'
import type { Subject } from './subject.ts'

/** An activation at twice what it was measured to take. */
const ACTIVATION_GAS = 150_000n
/** So many are to be affordable before a person is told to send more. */
const MANY = 20n

export const checkGas = async (subject: Subject): Promise<Finding[]> => {
  const check = 'gas'
  const chain = await subject.chain()
  const { address } = (await keysOf(subject)).account
  const [balance, { maxFeePerGas }] = await Promise.all([
    chain.request('read the gas balance', (client) => client.getBalance({ address })),
    marketFees(chain),
  ])
  const one = ACTIVATION_GAS * maxFeePerGas
  const holds = `the agent ${address} holds ${formatEther(balance)} of the gas coin`
  const todo = `Send at least ${formatEther(one * MANY)} to it.`
  if (balance < one) {
    const what = `${holds}; one activation may take ${formatEther(one)}: no lease can be activated`
    return [fail(check, 'gas-none', what, todo)]
  }
  return balance < one * MANY
    ? [warn(check, 'gas-low', `${holds}: enough for ${balance / one} activations`, todo)]
    : [ok(check, holds)]
}
