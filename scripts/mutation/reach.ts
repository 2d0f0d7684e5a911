// Which test files can notice a change of which source: what a file imports, and what it deploys by name.
import { childrenOf, type Tree } from '../contracts/tree.ts'

const DEPLOYED = /deploy\(\s*"(\w+)"/g

const linksOf = (tree: Tree, paths: ReadonlyMap<string, string>): string[] => {
  const imported = tree.nodes
    .filter(({ nodeType }) => nodeType === 'ImportDirective')
    .map((node) => String(node['absolutePath']))
  const named = [...tree.bytes.matchAll(DEPLOYED)].flatMap(([, name = '']) => paths.get(name) ?? [])
  return [...imported, ...named]
}

/** By the name of each contract, the file that it stands in. */
const pathsOf = (trees: readonly Tree[]): Map<string, string> =>
  new Map(
    trees.flatMap((tree) =>
      childrenOf(tree.nodes[0]!)
        .filter(({ nodeType }) => nodeType === 'ContractDefinition')
        .map((node) => [String(node['name']), tree.path] as const),
    ),
  )

/** For each file, every file that it leads to, itself among them. */
export const reachOf = (trees: readonly Tree[]): Map<string, Set<string>> => {
  const paths = pathsOf(trees)
  const links = new Map(trees.map((tree) => [tree.path, linksOf(tree, paths)]))
  const reach = (from: string): Set<string> => {
    const reached = new Set([from])
    for (const path of reached) for (const next of links.get(path) ?? []) reached.add(next)
    return reached
  }
  return new Map(trees.map(({ path }) => [path, reach(path)]))
}
