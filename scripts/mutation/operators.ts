// The ways in which a line can be wrong: each function names the small changes of one kind for one node of the tree.
import type { Node } from '../contracts/compiler.ts'
import { at, listAt, type Range, rangeOf, type Tree, textOf, typeOf, upwards } from '../contracts/tree.ts'

/** Replace `range` by `text`. */
export type Edit = Range & { text: string; operator: string }

type Operator = (tree: Tree, node: Node, definitions: Definitions) => Edit[]

/** Declarations by the id that references bear, of every file. */
export type Definitions = ReadonlyMap<number, Node>

const edit = (node: Node, text: string, operator: string): Edit => ({ ...rangeOf(node), text, operator })

/** Between the operands: where the sign is written. */
const signOf = (left: Node, right: Node): Range => ({ start: rangeOf(left).end, end: rangeOf(right).start })

const COMPARISONS: Record<string, string[]> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '==': ['!='],
  '!=': ['=='],
}

/** `a > b ? a : b` is the same as `a >= b ? a : b`. */
const isPick = (tree: Tree, comparison: Node): boolean => {
  const conditional = upwards(tree, comparison).find(({ nodeType }) => nodeType === 'Conditional')
  if (conditional === undefined || at(conditional, 'condition') !== comparison) return false
  const text = (node: Node, field: string) => textOf(tree, at(node, field)!)
  const operands = [text(comparison, 'leftExpression'), text(comparison, 'rightExpression')].sort()
  const results = [text(conditional, 'trueExpression'), text(conditional, 'falseExpression')].sort()
  return operands.join() === results.join()
}

const binary = (tree: Tree, node: Node, table: Record<string, string[]>, operator: string): Edit[] => {
  const [left, right] = [at(node, 'leftExpression'), at(node, 'rightExpression')]
  if (node.nodeType !== 'BinaryOperation' || left === undefined || right === undefined) return []
  const range = signOf(left, right)
  const between = tree.bytes.slice(range.start, range.end)
  const sign = String(node['operator'])
  const place = between.indexOf(sign)
  return (table[sign] ?? []).map((other) => ({
    ...range,
    text: between.slice(0, place) + other + between.slice(place + sign.length),
    operator,
  }))
}

const comparison: Operator = (tree, node) => {
  const [boundary, ...rest] = binary(tree, node, COMPARISONS, 'comparison')
  if (boundary === undefined) return []
  return rest.length > 0 && isPick(tree, node) ? rest : [boundary, ...rest]
}

const ARITHMETIC = {
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['/'],
  '<<': ['>>'],
  '>>': ['<<'],
  '&': ['|'],
  '|': ['&'],
  '^': ['|'],
}

const isConstant = (node: Node): boolean => typeOf(node).startsWith('t_rational')

const arithmetic: Operator = (tree, node) =>
  isConstant(node) ? [] : binary(tree, node, ARITHMETIC, 'arithmetic')

const COMPOUND: Record<string, string> = {
  '+=': '-=',
  '-=': '+=',
  '*=': '/=',
  '/=': '*=',
  '|=': '&=',
  '&=': '|=',
}

const assignment: Operator = (_tree, node) => {
  const other = COMPOUND[String(node['operator'])]
  if (node.nodeType !== 'Assignment' || other === undefined) return []
  const range = signOf(at(node, 'leftHandSide')!, at(node, 'rightHandSide')!)
  return [{ ...range, text: ` ${other} `, operator: 'arithmetic' }]
}

const step: Operator = (tree, node) => {
  const sign = String(node['operator'])
  if (node.nodeType !== 'UnaryOperation' || (sign !== '++' && sign !== '--')) return []
  return [edit(node, textOf(tree, node).replace(sign, sign === '++' ? '--' : '++'), 'arithmetic')]
}

const unwrap = (node: Node | undefined): Node | undefined =>
  node?.nodeType === 'TupleExpression' ? listAt(node, 'components')[0] : node

/** `(x + d − 1) / d` without what rounds it up. */
const ceiling: Operator = (tree, node) => {
  if (node.nodeType !== 'BinaryOperation' || node['operator'] !== '/') return []
  const minus = unwrap(at(node, 'leftExpression'))
  const plus = at(minus, 'leftExpression')
  const one = at(minus, 'rightExpression')
  if (minus?.['operator'] !== '-' || plus?.['operator'] !== '+' || one?.['value'] !== '1') return []
  return [edit(minus, textOf(tree, at(plus, 'leftExpression')!), 'rounding')]
}

/** A function rounds as its name ends; its counterpart stands beside it. */
const rounding: Operator = (tree, node, definitions) => {
  if (node.nodeType !== 'FunctionCall') return []
  const callee = at(node, 'expression')
  const own = definitions.get(Number(callee?.['referencedDeclaration']))
  const name = String(own?.['name'] ?? '')
  const other = name.endsWith('Up') ? name.replace(/Up$/, 'Down') : name.replace(/Down$/, 'Up')
  const there = [...definitions.values()].some(
    (one) => one['name'] === other && one['scope'] === own?.['scope'],
  )
  if (callee === undefined || other === name || !there) return []
  return [edit(callee, textOf(tree, callee).replace(new RegExp(`${name}$`), other), 'rounding')]
}

const boolean: Operator = (tree, node) => {
  const connected = binary(tree, node, { '&&': ['||'], '||': ['&&'] }, 'boolean')
  if (connected.length === 0) return []
  const [left, right] = [at(node, 'leftExpression')!, at(node, 'rightExpression')!]
  return [...connected, ...[left, right].map((one) => edit(node, textOf(tree, one), 'boolean'))]
}

const CONDITIONED = ['IfStatement', 'WhileStatement', 'ForStatement', 'Conditional']

/** Comparisons and connections have changes of their own that include this one. */
const negation: Operator = (tree, node) => {
  if (node.nodeType === 'UnaryOperation' && node['operator'] === '!') {
    return [edit(node, textOf(tree, at(node, 'subExpression')!), 'negation')]
  }
  const condition = CONDITIONED.includes(node.nodeType) ? at(node, 'condition') : undefined
  const has = condition?.nodeType === 'BinaryOperation' && String(condition['operator']) in COMPARISONS
  if (condition === undefined || has || condition.nodeType === 'UnaryOperation') return []
  return [edit(condition, `!(${textOf(tree, condition)})`, 'negation')]
}

const isWhole = (node: Node): boolean =>
  /^t_u?int\d+$/.test(typeOf(node)) || typeOf(node).startsWith('t_rational')

/** Numbers, named and plain, one more and one less; yes and no. */
const constant: Operator = (tree, node, definitions) => {
  const parent = tree.parentOf(node)
  if (node.nodeType === 'Literal' && node['kind'] === 'bool') {
    return [edit(node, node['value'] === 'true' ? 'false' : 'true', 'constant')]
  }
  const declared = definitions.get(Number(node['referencedDeclaration']))
  const named =
    (node.nodeType === 'Identifier' || node.nodeType === 'MemberAccess') &&
    declared?.nodeType === 'VariableDeclaration' &&
    declared['constant'] === true
  const plain = isConstant(node) && !(parent !== undefined && isConstant(parent))
  if (!isWhole(node) || !(named || plain)) return []
  const text = textOf(tree, node)
  const zero = plain && typeOf(node).startsWith('t_rational_0_')
  return [`(${text} + 1)`, ...(zero ? [] : [`(${text} - 1)`])].map((other) => edit(node, other, 'constant'))
}

const DROPPED: Record<string, string> = {
  EmitStatement: 'emit',
  RevertStatement: 'revert',
  Continue: 'statement',
  Break: 'statement',
}

/** Without it a pointer into storage would point anywhere: the compiler refuses that, far from here. */
const setsPointer = (statement: Node): boolean => {
  const expression = at(statement, 'expression')
  return expression?.nodeType === 'Assignment' && typeOf(expression).endsWith('_storage_ptr')
}

const drop: Operator = (_tree, node) => {
  const isStep = node.nodeType === 'ExpressionStatement' && !setsPointer(node)
  const kind = isStep ? 'statement' : DROPPED[node.nodeType]
  return kind === undefined ? [] : [edit(node, '', kind)]
}

/** A modifier that is not applied: `onlyOwner`, forgotten. */
const forget: Operator = (_tree, node) =>
  node.nodeType === 'ModifierInvocation' && node['kind'] === 'modifierInvocation'
    ? [edit(node, '', 'modifier')]
    : []

const OPERATORS = [
  comparison,
  arithmetic,
  assignment,
  step,
  ceiling,
  rounding,
  boolean,
  negation,
  constant,
  drop,
  forget,
]

/** Every change of one node. A change that does not compile is taken back later. */
export const editsOf: Operator = (tree, node, definitions) =>
  OPERATORS.flatMap((operator) => operator(tree, node, definitions))
