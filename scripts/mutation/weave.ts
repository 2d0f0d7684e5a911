// One build for all mutants of a file: each place of a change becomes a choice by `block.coinbase`, which a test run
// sets, which costs two gas, and which no contract of ours reads.
import type { Node } from '../contracts/compiler.ts'
import { at, fromBytes, listAt, type Range, rangeOf, type Tree, textOf } from '../contracts/tree.ts'
import type { Anchor, Mutant } from './mutants.ts'
import type { Definitions } from './operators.ts'

export const SWITCH_PATH = 'mutation/Switch.sol'

/** Pure to the compiler, so that it can stand in any function: within a run its answers do not change. */
export const SWITCH = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

library __Switch {
    function _chosen(uint256 mutant) private view returns (bool yes) {
        assembly ("memory-safe") {
            yes := eq(coinbase(), mutant)
        }
    }

    function _asPure(
        function(uint256) view returns (bool) given
    ) private pure returns (function(uint256) pure returns (bool) taken) {
        assembly ("memory-safe") {
            taken := given
        }
    }

    function on(uint256 mutant) internal pure returns (bool) {
        return _asPure(_chosen)(mutant);
    }
}
`

type Place = Anchor & { mutants: Mutant[]; inner: Place[] }

export type Woven = {
  text: string
  /** Where each mutant stands in the woven text, in bytes: to know which one the compiler refuses. */
  ranges: { range: Range; mutant: Mutant }[]
}

const contains = (outer: Range, inner: Range): boolean => outer.start <= inner.start && inner.end <= outer.end

/** The places of change as they stand in one another. */
const nest = (mutants: readonly Mutant[]): Place[] => {
  const places = new Map<string, Place>()
  for (const mutant of mutants) {
    const { start, end, kind } = mutant.anchor
    const key = `${start} ${end} ${kind}`
    const place = places.get(key) ?? { ...mutant.anchor, mutants: [], inner: [] }
    place.mutants.push(mutant)
    places.set(key, place)
  }
  const sorted = [...places.values()].sort((a, b) => a.start - b.start || b.end - a.end)
  const top: Place[] = []
  const open: Place[] = []
  for (const place of sorted) {
    while (open.length > 0 && !contains(open.at(-1)!, place)) open.pop()
    const siblings = open.at(-1)?.inner ?? top
    siblings.push(place)
    open.push(place)
  }
  return top
}

/** The text of a place with one change made, and nothing to choose in it. */
const changed = (tree: Tree, { anchor, edit }: Mutant): string => {
  const text = tree.bytes.slice(anchor.start, edit.start) + edit.text + tree.bytes.slice(edit.end, anchor.end)
  return text.trim() === ';' ? '' : text
}

class Weaver {
  readonly ranges: Woven['ranges'] = []
  readonly #tree: Tree
  readonly #definitions: Definitions
  /** Wrapped modifiers, by the end of the contract that they go into. */
  readonly #modifiers = new Map<number, string[]>()
  #text = ''

  constructor(tree: Tree, definitions: Definitions) {
    this.#tree = tree
    this.#definitions = definitions
  }

  weave(mutants: readonly Mutant[]): string {
    this.#span({ start: 0, end: this.#tree.bytes.length }, nest(mutants))
    return `${this.#text}\nimport { __Switch } from "${SWITCH_PATH}";\n`
  }

  #span(range: Range, places: readonly Place[]): void {
    let from = range.start
    for (const place of places) {
      this.#plain(from, place.start)
      this.#place(place)
      from = place.end
    }
    this.#plain(from, range.end)
  }

  /** Copies, and slips the wrapped modifiers in where their contract ends. */
  #plain(start: number, end: number): void {
    let from = start
    for (const [close, texts] of [...this.#modifiers].sort(([a], [b]) => a - b)) {
      if (close < from || close >= end) continue
      this.#text += this.#tree.bytes.slice(from, close) + texts.join('\n')
      this.#modifiers.delete(close)
      from = close
    }
    this.#text += this.#tree.bytes.slice(from, end)
  }

  #mutant(mutant: Mutant, text: string): void {
    const start = this.#text.length
    this.#text += text
    this.ranges.push({ range: { start, end: this.#text.length }, mutant })
  }

  #place(place: Place): void {
    if (place.kind === 'modifier') this.#modifier(place)
    else if (place.kind === 'statement') this.#statement(place)
    else this.#expression(place)
  }

  #expression(place: Place): void {
    const open = `${place.type}(`
    this.#text += '('
    for (const mutant of place.mutants) {
      this.#text += `__Switch.on(${mutant.number}) ? `
      this.#mutant(mutant, `${open}${changed(this.#tree, mutant)})`)
      this.#text += ' : '
    }
    this.#text += open
    this.#span(place, place.inner)
    this.#text += '))'
  }

  #statement(place: Place): void {
    this.#text += '{ '
    for (const mutant of place.mutants) {
      this.#text += `if (__Switch.on(${mutant.number})) { `
      this.#mutant(mutant, changed(this.#tree, mutant))
      this.#text += ' } else '
    }
    this.#text += '{ '
    this.#span(place, place.inner)
    this.#text += ' } }'
  }

  /** A modifier of the form `checks; _;` is wrapped in one that skips the checks. */
  #modifier(place: Place): void {
    const original = this.#tree.bytes.slice(place.start, place.end)
    const [mutant] = place.mutants
    const invocation = this.#tree.nodes.find(
      (node) => node.nodeType === 'ModifierInvocation' && rangeOf(node).start === place.start,
    )
    const contract = this.#tree.nodes.find(
      (node) => node.nodeType === 'ContractDefinition' && contains(rangeOf(node), place),
    )
    const definition = this.#definitions.get(
      Number(at(invocation, 'modifierName')?.['referencedDeclaration']),
    )
    const checks = definition === undefined ? undefined : checksOf(definition)
    if (mutant === undefined || contract === undefined || checks === undefined) {
      this.#text += original
      return
    }
    const name = `__wrapped${mutant.number}`
    this.#mutant(mutant, name)
    const close = rangeOf(contract).end - 1
    const wrapped = `modifier ${name}() { if (!__Switch.on(${mutant.number})) { ${checks} } _; }\n`
    this.#modifiers.set(close, [...(this.#modifiers.get(close) ?? []), wrapped])
  }
}

/** What a modifier without arguments does before the function, as text; of another form it is not touched. */
const checksOf = (definition: Node): string | undefined => {
  const statements = listAt(at(definition, 'body'), 'statements')
  const source = definition['source'] as Tree | undefined
  const last = statements.at(-1)
  const early = statements.slice(0, -1)
  const parameters = listAt(at(definition, 'parameters'), 'parameters')
  if (source === undefined || last?.nodeType !== 'PlaceholderStatement' || parameters.length > 0)
    return undefined
  if (early.some(({ nodeType }) => nodeType === 'PlaceholderStatement')) return undefined
  return early
    .map((node) => `${textOf(source, node)}${textOf(source, node).endsWith('}') ? '' : ';'}`)
    .join(' ')
}

export const weave = (tree: Tree, definitions: Definitions, mutants: readonly Mutant[]): Woven => {
  const weaver = new Weaver(tree, definitions)
  const bytes = weaver.weave(mutants)
  return { text: fromBytes(bytes), ranges: weaver.ranges }
}
