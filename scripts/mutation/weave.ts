// One build for all mutants of a file: each place of a change becomes a choice by `block.coinbase`, which a test run
// sets, which costs two gas, and which no contract of ours reads.
import type { Node } from '../contracts/compiler.ts'
import { at, fromBytes, listAt, type Range, rangeOf, type Tree } from '../contracts/tree.ts'
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

/** A modifier as one function applies it, which a mutant leaves out there and nowhere else. */
type Wrapped = { definition: Node; number: number }

class Weaver {
  readonly ranges: Woven['ranges'] = []
  readonly #tree: Tree
  readonly #mutants: readonly Mutant[]
  /** Wrapped modifiers, by the end of the contract that they go into. */
  readonly #modifiers = new Map<number, string[]>()
  #text = ''

  constructor(tree: Tree, mutants: readonly Mutant[]) {
    this.#tree = tree
    this.#mutants = mutants
  }

  weave(wrapped: readonly Wrapped[]): string {
    for (const one of wrapped) this.#wrap(one)
    this.#span({ start: 0, end: this.#tree.bytes.length }, nest(this.#mutants))
    return `${this.#text}\nimport { __Switch } from "${SWITCH_PATH}";\n`
  }

  /** A modifier of the form `checks; _;` once more, with a choice to skip the checks, where the first one stands. */
  #wrap({ definition, number }: Wrapped): void {
    const range = checksOf(definition)
    const contract = this.#tree.nodes.find(
      (node) => node.nodeType === 'ContractDefinition' && contains(rangeOf(node), rangeOf(definition)),
    )
    if (range === undefined || contract === undefined) return
    // The mutants in the checks are chosen in each copy; where they do not compile is told by the first.
    const inner = new Weaver(this.#tree, [])
    inner.#span(range, nest(this.#mutants.filter(({ anchor }) => contains(range, anchor))))
    const text = `modifier ${wrapperOf(number)}() { if (!__Switch.on(${number})) { ${inner.#text} } _; }\n`
    const close = rangeOf(contract).end - 1
    this.#modifiers.set(close, [...(this.#modifiers.get(close) ?? []), text])
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

  #modifier(place: Place): void {
    for (const mutant of place.mutants) this.#mutant(mutant, wrapperOf(mutant.number))
  }
}

const wrapperOf = (number: number): string => `__wrapped${number}`

/** What a modifier without arguments does before the function. One of another form is not touched. */
const checksOf = (definition: Node): Range | undefined => {
  const statements = listAt(at(definition, 'body'), 'statements')
  const [first, last] = [statements[0], statements.at(-1)]
  const placeholders = statements.filter(({ nodeType }) => nodeType === 'PlaceholderStatement')
  const parameters = listAt(at(definition, 'parameters'), 'parameters')
  const fits = first !== last && last !== undefined && placeholders.length === 1 && placeholders[0] === last
  if (first === undefined || !fits || parameters.length > 0) return undefined
  return { start: rangeOf(first).start, end: rangeOf(last).start }
}

const definitionOf = (tree: Tree, mutant: Mutant, definitions: Definitions): Node | undefined => {
  const invocation = tree.nodes.find(
    (node) => node.nodeType === 'ModifierInvocation' && rangeOf(node).start === mutant.anchor.start,
  )
  return definitions.get(Number(at(invocation, 'modifierName')?.['referencedDeclaration']))
}

/** The woven text of each file that a mutant changes something in: its own, or that of the modifier it leaves out. */
export const weave = (
  trees: readonly Tree[],
  definitions: Definitions,
  mutants: readonly Mutant[],
): Map<string, Woven> => {
  const wrapped = mutants
    .filter(({ anchor }) => anchor.kind === 'modifier')
    .map((mutant) => {
      const tree = trees.find(({ path }) => path === mutant.path)!
      return { number: mutant.number, definition: definitionOf(tree, mutant, definitions) }
    })
    .filter((one): one is Wrapped => one.definition !== undefined)
  const woven = new Map<string, Woven>()
  for (const tree of trees) {
    const own = mutants.filter(({ path }) => path === tree.path)
    const here = wrapped.filter(({ definition }) => tree.nodes.includes(definition))
    if (own.length + here.length === 0) continue
    const weaver = new Weaver(tree, own)
    woven.set(tree.path, { text: fromBytes(weaver.weave(here)), ranges: weaver.ranges })
  }
  return woven
}
