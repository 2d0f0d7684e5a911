// Wrong answers: what RPCs have been seen to say, or could.
import type { Hex } from 'viem'
import type { Random } from '../world/random.ts'
import type { Header, Log } from './world.ts'

const otherDigit = (hex: Hex): Hex => {
  const last = hex.at(-1) === '0' ? '1' : '0'
  return `${hex.slice(0, -1)}${last}` as Hex
}

export type Lie = { name: string; answer: unknown }

/** @returns the logs with one fault; unchanged when there is nothing to get wrong. */
export const wrongLogs = (random: Random, logs: readonly Log[]): Lie => {
  const i = random.below(Math.max(logs.length, 1))
  const one = logs[i]
  if (one === undefined) return { name: 'none', answer: logs }
  const replaced = (change: Partial<Log>) => logs.map((log, at) => (at === i ? { ...log, ...change } : log))
  switch (random.below(9)) {
    case 0:
      return { name: 'no logs', answer: [] }
    case 1:
    case 2:
      return { name: 'a log missing', answer: logs.filter((_, at) => at !== i) }
    case 3:
      return { name: 'the end missing', answer: logs.slice(0, i) }
    case 4:
      return { name: 'a log twice', answer: [...logs, one] }
    case 5:
      return { name: 'other data', answer: replaced({ data: otherDigit(one.data) }) }
    case 6:
      return { name: 'of another contract', answer: replaced({ address: otherDigit(one.address) }) }
    case 7:
      return { name: 'of another block', answer: replaced({ blockHash: otherDigit(one.blockHash) }) }
    default:
      return { name: 'of another height', answer: replaced({ blockNumber: '0x1' }) }
  }
}

/** @param others blocks that are not the one asked for. */
export const wrongHeader = (random: Random, header: Header, others: readonly Header[]): Lie => {
  switch (random.below(4)) {
    case 0:
      return { name: 'no block', answer: null }
    case 1:
      return { name: 'another hash', answer: { ...header, hash: otherDigit(header.hash) } }
    case 2:
      return { name: 'another parent', answer: { ...header, parentHash: otherDigit(header.parentHash) } }
    default:
      return { name: 'another block', answer: random.pick(others) }
  }
}
