// solc's syntax tree with its ways up, over the bytes of the source that it points into.
import type { Node } from './compiler.ts'

export type Range = { start: number; end: number }

export type Tree = {
  path: string
  /** One character for each byte, as the tree counts in bytes. */
  bytes: string
  nodes: Node[]
  parentOf(node: Node): Node | undefined
}

const toBytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
export const fromBytes = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8')

export const rangeOf = (node: Node): Range => {
  const [start = 0, length = 0] = node.src.split(':').map(Number)
  return { start, end: start + length }
}

export const textOf = (tree: Tree, node: Node): string => {
  const { start, end } = rangeOf(node)
  return tree.bytes.slice(start, end)
}

export const lineOf = (tree: Tree, at: number): number => tree.bytes.slice(0, at).split('\n').length

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'nodeType' in value && 'src' in value

/** The nodes right under this one, in the order of their fields. */
export const childrenOf = (node: Node): Node[] =>
  Object.values(node)
    .flatMap((value: unknown) => (Array.isArray(value) ? (value as unknown[]) : [value]))
    .filter(isNode)

/** A node of a field, when there is one. */
export const at = (node: Node | undefined, field: string): Node | undefined => {
  const value = node?.[field]
  return isNode(value) ? value : undefined
}

export const listAt = (node: Node | undefined, field: string): Node[] => {
  const value = node?.[field]
  return Array.isArray(value) ? (value as unknown[]).filter(isNode) : []
}

/** `t_uint256`, `t_bool`, `t_rational_…`: what solc calls the type of an expression. */
export const typeOf = (node: Node): string =>
  (node['typeDescriptions'] as { typeIdentifier?: string } | undefined)?.typeIdentifier ?? ''

export const treeOf = (path: string, text: string, root: Node): Tree => {
  const parents = new Map<Node, Node>()
  const nodes: Node[] = []
  const visit = (node: Node) => {
    nodes.push(node)
    for (const child of childrenOf(node)) {
      parents.set(child, node)
      visit(child)
    }
  }
  visit(root)
  return { path, bytes: toBytes(text), nodes, parentOf: (node) => parents.get(node) }
}

/** The node and everything above it, the nearest first. */
export const upwards = (tree: Tree, node: Node): Node[] => {
  const up: Node[] = []
  for (let one: Node | undefined = node; one !== undefined; one = tree.parentOf(one)) up.push(one)
  return up
}

/** `Contract.function`, or what there is of it: the name that a place goes by. */
export const placeOf = (tree: Tree, node: Node): string => {
  const up = upwards(tree, node)
  const named = (types: string[]) => up.find(({ nodeType }) => types.includes(nodeType))
  const code = named(['FunctionDefinition', 'ModifierDefinition'])
  const contract = named(['ContractDefinition'])
  const name = code === undefined ? '' : String(code['name'] || code['kind'])
  return [String(contract?.['name'] ?? tree.path), name].filter((part) => part !== '').join('.')
}
