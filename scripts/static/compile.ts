import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import hardhatConfig from '../../hardhat.config.ts'

type Bytecode = { object: string; sourceMap?: string; linkReferences?: object; immutableReferences?: object }
type Contract = {
  abi: object[]
  metadata?: string
  storageLayout?: object
  evm?: { bytecode?: Bytecode; deployedBytecode?: Bytecode; methodIdentifiers?: Record<string, string> }
}
type Diagnostic = { severity: string; formattedMessage: string }
type Output = {
  errors?: Diagnostic[]
  sources: Record<string, { id: number; ast: object }>
  contracts: Record<string, Record<string, Contract>>
}
type Resolved = { contents: string } | { error: string }
type Compiler = {
  version(): string
  compile(input: string, callbacks: { import: (path: string) => Resolved }): string
}

const require = createRequire(import.meta.url)

const solidityUnder = async (root: string, folder: string): Promise<string[]> => {
  const entries = await readdir(join(root, folder), { recursive: true })
  return entries
    .filter((name) => name.endsWith('.sol'))
    .map((name) => `${folder}/${name}`)
    .sort()
}

const sourcesUnder = async (root: string, folder: string): Promise<Record<string, { content: string }>> => {
  const paths = await solidityUnder(root, folder)
  const texts = await Promise.all(paths.map((path) => readFile(join(root, path), 'utf8')))
  return Object.fromEntries(paths.map((path, i) => [path, { content: texts[i]! }]))
}

type Profile = { compilers?: { settings?: object }[]; settings?: object }

/** The compiler settings that the contracts are deployed with, from the one place that states them. */
const deployedSettings = (): object => {
  const solidity = hardhatConfig.solidity as { profiles?: { default?: Profile } } | undefined
  const profile = solidity?.profiles?.default
  const settings = profile?.compilers?.[0]?.settings ?? profile?.settings
  if (settings === undefined) {
    throw new DecloudError(
      'static/no-settings',
      'hardhat.config.ts names no settings for the default profile of solc.',
    )
  }
  return settings
}

/** Imports are read as Node would: what is not in the tree is a package. Each file read goes into `seen`. */
const reader = (root: string, seen: string[]) => {
  const fs = require('node:fs') as typeof import('node:fs')
  return (path: string): Resolved => {
    for (const candidate of [join(root, path), join(root, 'node_modules', path)]) {
      if (!fs.existsSync(candidate)) continue
      seen.push(candidate)
      return { contents: fs.readFileSync(candidate, 'utf8') }
    }
    return { error: `${path} is neither in the tree nor in node_modules` }
  }
}

const compile = (root: string, input: object): { output: Output; version: string; seen: string[] } => {
  const solc = require('solc') as Compiler
  const seen: string[] = []
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: reader(root, seen) })) as Output
  const broken = (output.errors ?? []).filter(({ severity }) => severity === 'error')
  if (broken.length > 0) {
    throw new DecloudError(
      'static/does-not-compile',
      broken.map((error) => error.formattedMessage).join('\n'),
    )
  }
  return { output, version: solc.version(), seen }
}

/** One file that says what a directory was made from; equal keys mean there is nothing to do. */
const upToDate = async (stamp: string, key: string): Promise<boolean> =>
  (await readFile(stamp, 'utf8').catch(() => '')) === key

const keyOf = async (input: object, seen: readonly string[]): Promise<string> => {
  const hash = createHash('sha256').update(JSON.stringify(input))
  for (const path of [...seen].sort()) hash.update(path).update(await readFile(path).catch(() => ''))
  return `${hash.digest('hex')}\n${[...seen].sort().join('\n')}`
}

const seenBefore = async (stamp: string): Promise<string[]> =>
  (await readFile(stamp, 'utf8').catch(() => ''))
    .split('\n')
    .slice(1)
    .filter((path) => path !== '')

export type Syntax = Output['sources']

/**
 * What Slither reads: a build-info as Hardhat and Foundry write it, in `build-info/` of a directory. Slither works on
 * syntax trees, so no code is generated.
 */
export const compileForSlither = async (
  root: string,
  build: string,
): Promise<{ directory: string; syntax: Syntax }> => {
  const out = join(build, 'slither')
  const input = {
    language: 'Solidity',
    sources: await sourcesUnder(root, 'contracts/src'),
    settings: {
      ...deployedSettings(),
      outputSelection: { '*': { '': ['ast'], '*': ['abi', 'userdoc', 'devdoc'] } },
    },
  }
  const { output, version } = compile(root, input)
  for (const contract of Object.values(output.contracts).flatMap((file) => Object.values(file))) {
    const none = { object: '', sourceMap: '' }
    contract.evm = { bytecode: none, deployedBytecode: none }
  }
  await rm(out, { recursive: true, force: true })
  await mkdir(join(out, 'build-info'), { recursive: true })
  const info = { solcVersion: version.split('+')[0], input, output }
  await writeFile(join(out, 'build-info', 'contracts.json'), JSON.stringify(info))
  return { directory: out, syntax: output.sources }
}

/** An artifact as `forge build --ast --extra-output storageLayout metadata` would have written it. */
const artifactOf = (contract: Contract, source: { id: number; ast: object }): object => {
  const code = (bytecode: Bytecode | undefined) => ({
    object: `0x${bytecode?.object ?? ''}`,
    sourceMap: bytecode?.sourceMap ?? '',
    linkReferences: bytecode?.linkReferences ?? {},
    immutableReferences: bytecode?.immutableReferences ?? {},
  })
  return {
    abi: contract.abi,
    bytecode: code(contract.evm?.bytecode),
    deployedBytecode: code(contract.evm?.deployedBytecode),
    methodIdentifiers: contract.evm?.methodIdentifiers ?? {},
    rawMetadata: contract.metadata ?? '{}',
    metadata: JSON.parse(contract.metadata || '{}') as object,
    storageLayout: contract.storageLayout ?? {},
    ast: source.ast,
    id: source.id,
  }
}

/**
 * What Halmos reads: the claims and the contracts, compiled with the settings of a deployment, so that the bytecode under
 * proof is the bytecode that is deployed. Kept until a source changes: code generation takes a while.
 * @param claims Folder of the claims, from the root.
 * @returns A directory that is the root of a Foundry project with nothing left to build, artifacts in `out/`.
 */
export const compileForHalmos = async (root: string, build: string, claims: string): Promise<string> => {
  const project = join(build, 'halmos')
  const stamp = join(project, 'compiled-from')
  const wanted = [
    'abi',
    'metadata',
    'storageLayout',
    'evm.bytecode',
    'evm.deployedBytecode',
    'evm.methodIdentifiers',
  ]
  const input = {
    language: 'Solidity',
    sources: await sourcesUnder(root, claims),
    settings: { ...deployedSettings(), outputSelection: { '*': { '': ['ast'], '*': wanted } } },
  }
  if (await upToDate(stamp, await keyOf(input, await seenBefore(stamp)))) return project
  const { output, version, seen } = compile(root, input)
  await rm(project, { recursive: true, force: true })
  for (const [path, contracts] of Object.entries(output.contracts)) {
    const folder = join(project, 'out', basename(path))
    await mkdir(folder, { recursive: true })
    for (const [name, contract] of Object.entries(contracts)) {
      if (contract.metadata === '') contract.metadata = JSON.stringify({ compiler: { version } })
      const artifact = artifactOf(contract, output.sources[path]!)
      await writeFile(join(folder, `${name}.json`), JSON.stringify(artifact))
    }
  }
  await writeFile(join(project, 'foundry.toml'), '[profile.default]\nsrc = "src"\nout = "out"\n')
  await writeFile(stamp, await keyOf(input, seen))
  return project
}
