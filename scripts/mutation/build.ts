// From the sources to code in which every mutant that compiles can be chosen.
import { compile, type Problem, readSources, type Source } from '../contracts/compiler.ts'
import type { Artifact } from '../contracts/edr.ts'
import { type Tree, treeOf } from '../contracts/tree.ts'
import { type Mutant, mutantsOf } from './mutants.ts'
import type { Definitions } from './operators.ts'
import { reachOf } from './reach.ts'
import { SWITCH, SWITCH_PATH, type Woven, weave } from './weave.ts'

export type Built = {
  mutants: Mutant[]
  artifacts: Artifact[]
  /** For each test file, the sources that it can notice a change of. */
  reach: ReadonlyMap<string, ReadonlySet<string>>
}

export class BuildError extends Error {
  override readonly name = 'BuildError'
}

/** Rounds of compiling without the mutants that did not: each takes out all that the compiler names. */
const MAX_ROUNDS = 40

const isMutated = ({ path }: Source) => !/^contracts\/src\/(mocks|interfaces|types)\//.test(path)

const definitionsOf = (trees: readonly Tree[]): Definitions =>
  new Map(trees.flatMap(({ nodes }) => nodes.map((node) => [node.id, node] as const)))

/** The mutants that the compiler does not accept, by where it complains. */
const refused = (woven: ReadonlyMap<string, Woven>, problems: readonly Problem[]): Set<Mutant> => {
  const out = new Set<Mutant>()
  for (const { path, at, message } of problems) {
    const hit = woven.get(path)?.ranges.find(({ range }) => range.start <= at && at <= range.end)
    if (hit === undefined)
      throw new BuildError(`the woven ${path} does not compile at byte ${at}: ${message}`)
    out.add(hit.mutant)
  }
  return out
}

const textsOf = (woven: ReadonlyMap<string, Woven>): Map<string, string> =>
  new Map([[SWITCH_PATH, SWITCH], ...[...woven].map(([path, { text }]) => [path, text] as const)])

export const build = async (): Promise<Built> => {
  const sources = await readSources('contracts/src/**/*.sol')
  const roots = sources.map(({ path }) => path)
  const plain = compile(roots, new Map(), 'trees')
  const trees = plain.trees.map(({ path, text, root }) => treeOf(path, text, root))
  const definitions = definitionsOf(trees)
  const mutated = trees.filter(({ path }) =>
    sources.some((source) => source.path === path && isMutated(source)),
  )
  let mutants: Mutant[] = []
  for (const tree of mutated) mutants.push(...mutantsOf(tree, definitions, mutants.length + 1))

  let woven = weave(trees, definitions, mutants)
  for (let round = 0; ; round++) {
    const { problems } = compile(roots, textsOf(woven), 'trees')
    if (problems.length === 0) break
    if (round === MAX_ROUNDS) throw new BuildError(`still does not compile: ${problems[0]!.message}`)
    const out = refused(woven, problems)
    mutants = mutants.filter((mutant) => !out.has(mutant))
    woven = weave(trees, definitions, mutants)
  }
  const texts = textsOf(woven)
  const tests = await readSources('test/contracts/**/*.{test,fuzz,invariants}.sol')
  const compiled = compile([...roots, ...tests.map(({ path }) => path)], texts)
  const [problem] = compiled.problems
  if (problem !== undefined) throw new BuildError(`${problem.path}: ${problem.message}`)
  const all = compiled.trees.map(({ path, text, root }) => treeOf(path, text, root))
  return { mutants, artifacts: compiled.artifacts, reach: reachOf(all) }
}
