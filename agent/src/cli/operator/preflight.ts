// Whether a command of the operator could go through now. What is missing is a step still to be done, not a failure.
import { sentenceOf } from '@decloud/protocol'
import type { Address } from 'viem'
import type { AgentConfig } from '../../config/config.ts'
import { connectTo } from './desk.ts'
import { coins } from './words.ts'

export type Check = { readonly check: string; readonly ok: boolean; readonly sentence: string }

/** A registration and some days of an agent's beats and settlements, in wei; gas is dearer on some days. */
const ENOUGH = 10n ** 17n

export const preflight = async (
  { rpcUrls, deployment }: Partial<Pick<AgentConfig, 'rpcUrls' | 'deployment'>>,
  accounts: { readonly agent: Address; readonly operator: Address | null },
): Promise<readonly Check[]> => {
  if (rpcUrls === undefined || deployment === undefined) {
    const missing = [
      ...(rpcUrls === undefined ? ['--rpc-urls'] : []),
      ...(deployment === undefined ? ['--deployment'] : []),
    ]
    return [
      { check: 'chain', ok: false, sentence: `The chain is not named yet: give ${missing.join(' and ')}.` },
    ]
  }
  try {
    const chain = await connectTo({ rpcUrls, deployment })
    const named = Object.entries(accounts).flatMap(([who, address]) =>
      address === null ? [] : [[who, address] as const],
    )
    const balances = await chain.request('read the gas balances', (client) =>
      Promise.all(
        named.map(async ([who, address]) => [who, address, await client.getBalance({ address })] as const),
      ),
    )
    return [
      {
        check: 'chain',
        ok: true,
        sentence: `The RPC serves chain ${deployment.chainId}, and every contract is there.`,
      },
      ...balances.map(([who, address, balance]) => ({
        check: `gas-${who}`,
        ok: balance >= ENOUGH,
        sentence:
          balance >= ENOUGH
            ? `The ${who} ${address} has ${coins(balance)} coins for gas.`
            : `The ${who} ${address} has ${coins(balance)} coins for gas: send it at least ${coins(ENOUGH)}.`,
      })),
    ]
  } catch (error) {
    return [{ check: 'chain', ok: false, sentence: sentenceOf(error) }]
  }
}
