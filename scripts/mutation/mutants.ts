// Every small change of a file, each with the place where it can be switched on while the code runs.
import type { Node } from '../contracts/compiler.ts'
import {
  at,
  fromBytes,
  lineOf,
  placeOf,
  type Range,
  rangeOf,
  type Tree,
  textOf,
  typeOf,
  upwards,
} from '../contracts/tree.ts'
import { type Definitions, type Edit, editsOf } from './operators.ts'

/** What a change is chosen in: the smallest expression with a value, else the statement around it. */
export type Anchor = Range & { kind: 'expression' | 'statement' | 'modifier'; type: string }

export type Mutant = {
  /** Names the place and the change, and stays the same when lines move. */
  id: string
  /** Chooses it in the woven code. */
  number: number
  path: string
  line: number
  operator: string
  edit: Edit
  anchor: Anchor
}

const CODE = ['FunctionDefinition', 'ModifierDefinition']
const STATEMENTS = ['ExpressionStatement', 'EmitStatement', 'RevertStatement', 'Return', 'Continue', 'Break']
const VALUE = /^t_(u?int\d+$|bool$|address|bytes\d+$|enum|contract|userDefinedValueType)/
const LONGEST = 90

/** With its semicolon, which solc does not count in. */
const statementRange = (tree: Tree, node: Node): Range => {
  const { start, end } = rangeOf(node)
  const rest = /^\s*;/.exec(tree.bytes.slice(end, end + 200))
  return { start, end: end + (rest?.[0].length ?? 0) }
}

const isHeader = (tree: Tree, node: Node): boolean => {
  const parent = tree.parentOf(node)
  return parent?.nodeType === 'ForStatement' && at(parent, 'body') !== node
}

/** `uint256 x = 5`: the number takes the type of the variable once it is a choice between two. */
const declaredType = (tree: Tree, node: Node): string | undefined => {
  const parent = tree.parentOf(node)
  if (parent?.nodeType !== 'VariableDeclarationStatement' || at(parent, 'initialValue') !== node)
    return undefined
  const [variable] = parent['declarations'] as (Node | null)[]
  return variable != null && VALUE.test(typeOf(variable))
    ? textOf(tree, at(variable, 'typeName')!)
    : undefined
}

const anchorOf = (tree: Tree, node: Node): Anchor | undefined => {
  if (node.nodeType === 'ModifierInvocation') return { ...rangeOf(node), kind: 'modifier', type: '' }
  for (const up of upwards(tree, node)) {
    const type = declaredType(tree, up)
    if (type !== undefined && typeOf(up).startsWith('t_rational'))
      return { ...rangeOf(up), kind: 'expression', type }
    if (VALUE.test(typeOf(up)) && up['lValueRequested'] !== true && up.nodeType !== 'VariableDeclaration') {
      // A change of the whole statement is not a change of the value it leaves behind.
      return { ...rangeOf(up), kind: 'expression', type: '' }
    }
    if (STATEMENTS.includes(up.nodeType)) {
      return isHeader(tree, up) ? undefined : { ...statementRange(tree, up), kind: 'statement', type: '' }
    }
    if (up.nodeType.endsWith('Statement') || up.nodeType.endsWith('Block')) return undefined
  }
  return undefined
}

const inCode = (tree: Tree, node: Node): boolean => {
  const up = upwards(tree, node)
  const code = up.findIndex(({ nodeType }) => CODE.includes(nodeType))
  if (code < 1) return node.nodeType === 'ModifierInvocation'
  return up[code - 1]!.nodeType === 'Block' || node.nodeType === 'ModifierInvocation'
}

const short = (bytes: string): string => {
  const flat = fromBytes(bytes).replace(/\s+/g, ' ').trim()
  return flat.length <= LONGEST ? flat : `${flat.slice(0, LONGEST - 1)}~`
}

const nameOf = (tree: Tree, node: Node, { start, end, text, operator }: Edit): string => {
  const range = rangeOf(node)
  const before = short(textOf(tree, node))
  const after = tree.bytes.slice(range.start, start) + text + tree.bytes.slice(end, range.end)
  const what = text === '' ? `drop ${before}` : `${before} -> ${short(after)}`
  return `${placeOf(tree, node)}: ${what}${operator === 'modifier' ? ' (modifier)' : ''}`
}

/** @param first The number of the first mutant. 0 stands for none. */
export const mutantsOf = (tree: Tree, definitions: Definitions, first: number): Mutant[] => {
  const seen = new Map<string, number>()
  const mutants: Mutant[] = []
  for (const node of tree.nodes) {
    if (!inCode(tree, node)) continue
    for (const edit of editsOf(tree, node, definitions)) {
      const anchor = anchorOf(tree, node)
      if (anchor === undefined || edit.start < anchor.start || edit.end > anchor.end) continue
      const name = nameOf(tree, node, edit)
      const times = (seen.get(name) ?? 0) + 1
      seen.set(name, times)
      mutants.push({
        id: times === 1 ? name : `${name} #${times}`,
        number: first + mutants.length,
        path: tree.path,
        line: lineOf(tree, edit.start),
        operator: edit.operator,
        edit,
        anchor,
      })
    }
  }
  return mutants
}
