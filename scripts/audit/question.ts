// One read of a contract and what its answer must be.
import type { Abi, Address, ContractFunctionName } from 'viem'
import { decodeFunctionResult, encodeFunctionData, type Hex } from 'viem'
import type { Difference } from './books.ts'
import type { Rpc } from './rpc.ts'

/** Every member of `expected` is held against the member of that name, or against the value itself. */
export type Question = {
  subject: string
  to: Address
  abi: Abi
  functionName: string
  args: readonly unknown[]
  expected: Readonly<Record<string, unknown>> | string | bigint | number | boolean
  /** What of the answer is compared, where that is not all of it as it comes. */
  of?: (answer: never) => unknown
}

/** Asks a contract of one ABI: a view that it has no longer does not compile. */
export type Asker<abi extends Abi> = (
  subject: string,
  functionName: ContractFunctionName<abi, 'view' | 'pure'>,
  args: readonly unknown[],
  expected: Question['expected'],
  of?: Question['of'],
) => Question

export const asker =
  <const abi extends Abi>(to: Address, abi: abi): Asker<abi> =>
  (subject, functionName, args, expected, of) => ({
    ...{ subject, to, abi, functionName, args, expected },
    ...(of === undefined ? {} : { of }),
  })

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** A figure as text; a record of figures inside a record by its sorted members. */
const textOf = (value: unknown): string =>
  isRecord(value)
    ? Object.entries(value)
        .map(([name, member]) => `${name} ${textOf(member)}`)
        .sort()
        .join(', ')
    : String(value)

export const differencesOf = (
  { subject, functionName, expected }: Question,
  answer: unknown,
): Difference[] => {
  const difference = (field: string, wanted: unknown, got: unknown): Difference[] =>
    textOf(wanted) === textOf(got)
      ? []
      : [{ kind: 'storage', subject, field, expected: textOf(wanted), found: textOf(got) }]
  if (!isRecord(answer) || !isRecord(expected)) return difference(functionName, expected, answer)
  // Both ways: a field that a later contract added and this audit does not rebuild is not passed over.
  return [...new Set([...Object.keys(answer), ...Object.keys(expected)])].flatMap((name) =>
    difference(`${functionName}.${name}`, expected[name], answer[name]),
  )
}

/** @throws DecloudError `rpc-failed`. */
export const ask = async (rpc: Rpc, question: Question, at: bigint): Promise<unknown> => {
  const { abi, functionName, args, of } = question
  const data = encodeFunctionData({ abi, functionName, args })
  const result: Hex = await rpc.call(question.to, data, at)
  const answer = decodeFunctionResult({ abi, functionName, data: result })
  // Whoever gives `of` names the shape that the ABI beside it decodes to.
  return of === undefined ? answer : of(answer as never)
}
