// Solidity files to artifacts, through the wasm build of solc alone. For measuring tests, not for deploying: legacy
// code generation without the optimizer takes seconds where the deployed settings take minutes.
import { existsSync, readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Artifact } from './edr.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export type Source = { path: string; text: string }

/** A node of solc's syntax tree: what every node has, and the rest by name. */
export type Node = { id: number; nodeType: string; src: string; [field: string]: unknown }

export type Problem = { path: string; at: number; message: string }

export type Compiled = {
  artifacts: Artifact[]
  /** Of every file that was read, packages among them, with its text. */
  trees: { path: string; text: string; root: Node }[]
  problems: Problem[]
}

type Reference = Record<string, Record<string, { start: number; length: number }[]>>
type Bytecode = { object: string; linkReferences: Reference }
type Output = {
  errors?: { severity: string; message: string; sourceLocation?: { file: string; start: number } }[]
  sources?: Record<string, { ast: Node }>
  contracts?: Record<
    string,
    Record<string, { abi: unknown; evm: { bytecode: Bytecode; deployedBytecode: Bytecode } }>
  >
}
type Import = { contents: string } | { error: string }
type Compiler = {
  compile(input: string, callbacks: { import: (path: string) => Import }): string
}

const require = createRequire(import.meta.url)
const solc = require('solc') as Compiler
const { version } = require('solc/package.json') as { version: string }

/** Every file that matches, read, by its path from the root of the project. */
export const readSources = async (...patterns: string[]): Promise<Source[]> => {
  const paths: string[] = []
  for await (const path of glob(patterns, { cwd: ROOT })) paths.push(path)
  return paths.sort().map((path) => ({ path, text: readFileSync(ROOT + path, 'utf8') }))
}

/** The text of an import: of the project, else of a package. */
const load = (path: string, texts: ReadonlyMap<string, string>): string | undefined => {
  const given = texts.get(path)
  if (given !== undefined) return given
  const file = [ROOT + path, `${ROOT}node_modules/${path}`].find(existsSync)
  return file === undefined ? undefined : readFileSync(file, 'utf8')
}

const SETTINGS = {
  fast: { optimizer: { enabled: false } },
  // For what is too deep for the stack: the least of the optimizer that can move variables to memory.
  deep: {
    viaIR: true,
    optimizer: { enabled: false, details: { yul: true, yulDetails: { optimizerSteps: 'u:' } } },
  },
}

const DEPTH = /stack too deep/i

const artifactsOf = (output: Output): Artifact[] =>
  Object.entries(output.contracts ?? {}).flatMap(([source, contracts]) =>
    Object.entries(contracts).map(([name, { abi, evm }]) => ({
      id: { name, solcVersion: version, source },
      contract: {
        abi: JSON.stringify(abi),
        bytecode: `0x${evm.bytecode.object}`,
        linkReferences: evm.bytecode.linkReferences,
        deployedBytecode: `0x${evm.deployedBytecode.object}`,
        deployedLinkReferences: evm.deployedBytecode.linkReferences,
      },
    })),
  )

const attempt = (
  roots: readonly string[],
  texts: ReadonlyMap<string, string>,
  settings: keyof typeof SETTINGS,
  select: readonly string[],
): Output => {
  const read = (path: string): Import => {
    const contents = load(path, texts)
    return contents === undefined ? { error: `there is no ${path}` } : { contents }
  }
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(roots.map((path) => [path, { content: load(path, texts) ?? '' }])),
    settings: {
      evmVersion: 'cancun',
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      ...SETTINGS[settings],
      outputSelection: { '*': { '': ['ast'], '*': [...select] } },
    },
  }
  return JSON.parse(solc.compile(JSON.stringify(input), { import: read })) as Output
}

const problemsOf = (output: Output): Problem[] =>
  (output.errors ?? [])
    .filter(({ severity }) => severity === 'error')
    .map(({ message, sourceLocation: at }) => ({ path: at?.file ?? '', at: at?.start ?? -1, message }))

/**
 * Compiles the roots and what they import.
 * @param texts What to read instead of the file of that path.
 */
export const compile = (
  roots: readonly string[],
  texts: ReadonlyMap<string, string> = new Map(),
  ask: 'artifacts' | 'trees' = 'artifacts',
): Compiled => {
  const select =
    ask === 'trees'
      ? []
      : ['abi', 'object', 'linkReferences'].flatMap((part) =>
          part === 'abi' ? [part] : [`evm.bytecode.${part}`, `evm.deployedBytecode.${part}`],
        )
  let output = attempt(roots, texts, 'fast', select)
  if (problemsOf(output).some(({ message }) => DEPTH.test(message))) {
    output = attempt(roots, texts, 'deep', select)
  }
  const trees = Object.entries(output.sources ?? {}).map(([path, { ast }]) => ({
    path,
    text: load(path, texts) ?? '',
    root: ast,
  }))
  return { artifacts: artifactsOf(output), trees, problems: problemsOf(output) }
}
