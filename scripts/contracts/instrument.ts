// Marks every statement and both ways of every branch of a file, so that a run reports which of them it took.
import { COVERAGE_LIBRARY_FILE_NAME } from '@nomicfoundation/edr'
import type { Node } from './compiler.ts'
import { at, fromBytes, lineOf, listAt, placeOf, rangeOf, type Tree, textOf, upwards } from './tree.ts'

export type Marker = {
  number: number
  path: string
  line: number
  kind: 'function' | 'statement' | 'branch'
  /** What was not run, or not seen to be so. */
  what: string
}

export const MARKERS_PATH = 'coverage/Markers.sol'

/** On top of EDR's own library, which makes a call that its inspector sees. Pure, so that it can stand anywhere. */
export const MARKERS = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { __NomicFoundationCoverage } from "${COVERAGE_LIBRARY_FILE_NAME}";

library __Markers {
    function hit(uint256 marker) internal pure {
        __NomicFoundationCoverage.sendHit(marker);
    }

    function branch(bool taken, uint256 marker) internal pure returns (bool) {
        __NomicFoundationCoverage.sendHit(taken ? marker : marker + 1);
        return taken;
    }
}
`

/** Text that goes in at a place: what closes first, the inner before the outer; then what opens, the outer first. */
type Insertion = { at: number; rank: number; text: string }

const CONDITIONED = ['IfStatement', 'WhileStatement', 'DoWhileStatement', 'ForStatement', 'Conditional']
const BLOCKS = ['Block', 'UncheckedBlock']
const FAR = 1e9

/** What decides where the code goes on: conditions, and what `&&` and `||` stop at. */
const decides = (tree: Tree, node: Node): boolean => {
  const parent = tree.parentOf(node)
  if (parent === undefined) return false
  if (CONDITIONED.includes(parent.nodeType)) return at(parent, 'condition') === node
  if (parent.nodeType === 'BinaryOperation') {
    return ['&&', '||'].includes(String(parent['operator'])) && at(parent, 'leftExpression') === node
  }
  const callee = at(parent, 'expression')
  return (
    parent.nodeType === 'FunctionCall' &&
    ['require', 'assert'].includes(String(callee?.['name'])) &&
    listAt(parent, 'arguments')[0] === node
  )
}

const isBody = (tree: Tree, node: Node): boolean => {
  const parent = tree.parentOf(node)
  if (parent === undefined || BLOCKS.includes(node.nodeType)) return false
  if (parent.nodeType === 'IfStatement') return at(parent, 'condition') !== node
  return ['ForStatement', 'WhileStatement'].includes(parent.nodeType) && at(parent, 'body') === node
}

const inBlock = (tree: Tree, node: Node): boolean => {
  const parent = tree.parentOf(node)
  return (
    parent !== undefined && BLOCKS.includes(parent.nodeType) && listAt(parent, 'statements').includes(node)
  )
}

const endOf = (tree: Tree, node: Node): number => {
  const { end } = rangeOf(node)
  return end + (/^\s*;/.exec(tree.bytes.slice(end, end + 200))?.[0].length ?? 0)
}

const short = (text: string): string => {
  const flat = fromBytes(text).replace(/\s+/g, ' ')
  return flat.length <= 70 ? flat : `${flat.slice(0, 69)}…`
}

/** @param first The number of the first marker. */
export const instrument = (tree: Tree, first: number): { text: string; markers: Marker[] } => {
  const markers: Marker[] = []
  const insertions: Insertion[] = []
  const mark = (node: Node, kind: Marker['kind'], what: string): number => {
    const number = first + markers.length
    const line = lineOf(tree, rangeOf(node).start)
    markers.push({ number, path: tree.path, line, kind, what: `${placeOf(tree, node)}: ${what}` })
    return number
  }
  const insert = (place: number, rank: number, text: string) => insertions.push({ at: place, rank, text })

  for (const node of tree.nodes) {
    const { start, end } = rangeOf(node)
    const up = upwards(tree, node)
    const isCode = ({ nodeType }: Node) =>
      nodeType === 'FunctionDefinition' || nodeType === 'ModifierDefinition'
    if (isCode(node) && at(node, 'body') !== undefined) {
      insert(
        rangeOf(at(node, 'body')!).start + 1,
        0,
        ` __Markers.hit(${mark(node, 'function', 'never called')});`,
      )
    }
    if (node.nodeType === 'TryCatchClause') {
      const what = `no call came to ${short(textOf(tree, node).split('{')[0]!) || 'its success'}`
      insert(rangeOf(at(node, 'block')!).start + 1, 1, ` __Markers.hit(${mark(node, 'branch', what)});`)
    }
    if (!up.slice(1).some(isCode) || node.nodeType === 'PlaceholderStatement') continue
    if (inBlock(tree, node) && !BLOCKS.includes(node.nodeType)) {
      insert(start, 2, `__Markers.hit(${mark(node, 'statement', short(textOf(tree, node)))}); `)
    } else if (isBody(tree, node)) {
      insert(start, 2, `{ __Markers.hit(${mark(node, 'statement', short(textOf(tree, node)))}); `)
      insert(endOf(tree, node), -FAR - start, ' }')
    }
    if (decides(tree, node)) {
      const text = short(textOf(tree, node))
      const yes = mark(node, 'branch', `never true: ${text}`)
      mark(node, 'branch', `never false: ${text}`)
      insert(start, 3 + FAR - end, '__Markers.branch(')
      insert(end, -start, `, ${yes})`)
    }
  }
  insertions.sort((a, b) => a.at - b.at || a.rank - b.rank)
  let [text, from] = ['', 0]
  for (const { at: place, text: inserted } of insertions) {
    text += tree.bytes.slice(from, place) + inserted
    from = place
  }
  text += `${tree.bytes.slice(from)}\nimport { __Markers } from "${MARKERS_PATH}";\n`
  return { text: fromBytes(text), markers }
}
