// What every command of the operator begins with: configuration, the right chain, who signs; and how it ends.
import { type Chain, connect } from '@decloud/chain'
import { loadChainConfig, loadConfig } from '../../config/config.ts'
import type { Io, Options } from '../verb.ts'
import type { Call } from './call.ts'
import { demandOperator, type Operator } from './key.ts'
import { asUnsigned, type Done, openSender, type Unsigned } from './sender.ts'

export const SIGNING = {
  unsigned: {
    type: 'boolean',
    about: 'print the transactions for signing elsewhere; needs the address of the operator alone',
  },
} as const satisfies Options

export type Outcome =
  | { readonly signed: true; readonly transactions: readonly Done[] }
  | { readonly signed: false; readonly unsigned: readonly Unsigned[] }

export type Desk = {
  readonly chain: Chain
  readonly operator: Operator
  readonly unsigned: boolean
  /**
   * Signs and sends, each when the one before it is mined; or tries them and says what they are.
   * @throws RevertError when the contract refuses, with its reason in words: nothing was spent then.
   */
  carryOut(calls: readonly Call[]): Promise<Outcome>
}

type DeskConfig = ReturnType<typeof loadChainConfig>

/** Connects, opens the key, waits for what is under way, runs `body`, and closes everything, whatever happens. */
const withDesk = async <config extends DeskConfig>(
  io: Io,
  config: config,
  unsigned: boolean,
  body: (desk: Desk, config: config) => Promise<number>,
): Promise<number> => {
  const chain = await connectTo(config)
  const operator = await demandOperator(io, unsigned ? 'address' : 'key')
  if (unsigned) {
    const carryOut: Desk['carryOut'] = async (calls) => ({
      signed: false,
      unsigned: await asUnsigned(chain, operator.address, calls),
    })
    return body({ chain, operator, unsigned, carryOut }, config)
  }
  const sender = await openSender(io, chain, operator, config)
  try {
    const carryOut: Desk['carryOut'] = async (calls) => {
      const transactions: Done[] = []
      for (const call of calls) {
        io.say(`${call.does} …`)
        transactions.push(await sender.send(call))
      }
      return { signed: true, transactions }
    }
    return await body({ chain, operator, unsigned, carryOut }, config)
  } finally {
    await sender.close()
  }
}

/** For a node that is registered. @throws ConfigError, UsageError, ChainError. */
export const atDesk = (
  io: Io,
  unsigned: boolean,
  body: (desk: Desk, config: ReturnType<typeof loadConfig>) => Promise<number>,
): Promise<number> => withDesk(io, loadConfig(io.env, io.given), unsigned, body)

/** Before there is a node. */
export const atNewDesk = (
  io: Io,
  unsigned: boolean,
  body: (desk: Desk, config: DeskConfig) => Promise<number>,
): Promise<number> => withDesk(io, loadChainConfig(io.env, io.given), unsigned, body)

export const connectTo = (config: Pick<DeskConfig, 'rpcUrls' | 'deployment'>): Promise<Chain> =>
  connect({ urls: config.rpcUrls, deployment: config.deployment })

/** The facts of an outcome, for the result of a command. */
export const outcomeJson = (outcome: Outcome) =>
  outcome.signed
    ? { transactions: outcome.transactions.map(({ kind, transaction }) => ({ kind, transaction })) }
    : { unsigned: outcome.unsigned }

export const outcomeText = (outcome: Outcome): string[] =>
  outcome.signed
    ? outcome.transactions.map(({ kind, transaction }) => `  ${kind} ${transaction}`)
    : outcome.unsigned.flatMap(({ does, chainId, from, to, data, gas }, nth) => [
        `${nth + 1}. ${does}`,
        `   chain ${chainId}, from ${from}, to ${to}, value 0${gas === null ? '' : `, gas ${gas}`}`,
        `   data ${data}`,
      ])
