// Contract storage at one block: many views in one call, many calls in one request, never all of them at once.
import { type Chain, ChainError, type RpcClient } from '@decloud/chain'
import { CONTRACTS } from '@decloud/protocol'
import type { Abi, AbiFunction } from 'viem'
import type { Asked, Fields, Question } from '../../domain/question.ts'
import type { ContractStorage } from '../../ports/storage.ts'

/**
 * Views of one call. A constructor asks them, so that no contract of anybody else's is needed, and what a constructor
 * returns may have 24 KiB: three leases with as many collaborators as there can be have half of that.
 */
const VIEWS_PER_CALL = 24
/** Calls under way at a time: one request of the transport, which batches them. */
const AT_ONCE = 80

/** As viem's plain type: the union of all of them is more than it can follow. */
const abiOf = (contract: Asked): Abi => CONTRACTS[contract]

/** A view's answer by the names of what it returns. */
const fieldsOf = ({ contract, functionName }: Question, answer: unknown): Fields => {
  const view = abiOf(contract).find(
    (item): item is AbiFunction => item.type === 'function' && item.name === functionName,
  )
  const outputs = view?.outputs ?? []
  if (outputs.length > 1) {
    return Object.fromEntries(outputs.map(({ name }, i) => [name ?? '', (answer as readonly unknown[])[i]]))
  }
  return outputs[0]?.type === 'tuple' ? (answer as Fields) : { value: answer }
}

export const makeContractStorage = (chain: Chain): ContractStorage => {
  const ask = async (client: RpcClient, questions: readonly Question[], blockNumber: bigint) => {
    const answers = await client.multicall({
      contracts: questions.map(({ contract, functionName, args }) => ({
        // Questions are made for contracts that the deployment has.
        ...{ address: chain.deployment[contract]!, abi: abiOf(contract), functionName, args },
      })),
      // The parts are ours to cut.
      ...{ deployless: true, allowFailure: false, batchSize: 0, blockNumber },
    })
    return answers.map((answer, i) => fieldsOf(questions[i]!, answer))
  }
  const holds = async (client: RpcClient, { height, hash }: Parameters<ContractStorage['readAt']>[0]) =>
    (await client.getBlock({ blockNumber: height })).hash === hash
  return {
    readAt: (at, questions) =>
      chain.request('read contract storage', async (client) => {
        if (!(await holds(client, at))) return null
        const parts: (readonly Question[])[] = []
        for (let i = 0; i < questions.length; i += VIEWS_PER_CALL)
          parts.push(questions.slice(i, i + VIEWS_PER_CALL))
        const answers: Fields[] = []
        for (let i = 0; i < parts.length; i += AT_ONCE) {
          const some = await Promise.all(
            parts.slice(i, i + AT_ONCE).map((part) => ask(client, part, at.height)),
          )
          answers.push(...some.flat())
        }
        if (answers.length !== questions.length) {
          throw new ChainError(
            'rpc-contradicts',
            'The RPC answered another number of views than it was asked.',
            {
              retryable: true,
              hint: 'It is asked again at the next audit.',
            },
          )
        }
        return (await holds(client, at)) ? answers : null
      }),
  }
}
