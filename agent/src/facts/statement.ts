// What was found out → the statement that is signed. Pure.
import {
  type BenchmarkFacts,
  factsText,
  type MachineFacts,
  type NodeFacts,
  type ProbeFacts,
} from '@decloud/protocol/wire/facts'
import { unknown, value } from '../discovery/known.ts'

export type Found = {
  readonly machine: MachineFacts | null
  readonly benchmark: BenchmarkFacts | null
  readonly probe: ProbeFacts | null
}

export const statementOf = (
  node: number,
  version: string,
  { machine, benchmark, probe }: Found,
  signedAt: number,
): NodeFacts => ({
  ...{ node, version, signedAt },
  machine: machine === null ? unknown('The machine was not looked at yet.') : value(machine),
  benchmark: benchmark === null ? unknown('The machine was not measured yet.') : value(benchmark),
  probe: probe === null ? unknown('No guest was booted as a proof yet.') : value(probe),
})

/** Whether one says nothing that the other does not: a machine that was looked at again and is the same is no news. */
export const saysTheSame = (a: NodeFacts, b: NodeFacts): boolean => essence(a) === essence(b)

const essence = (facts: NodeFacts): string => {
  const machine = 'value' in facts.machine ? value({ ...facts.machine.value, takenAt: 0 }) : facts.machine
  return factsText({ ...facts, machine, signedAt: 0 })
}
