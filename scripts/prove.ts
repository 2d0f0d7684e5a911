// `npm run prove`: claims about the pure libraries, for all inputs.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { readFlags } from './lib/flags.ts'

type Answer = 'proved' | 'not answered'
type Node = { nodeType: string; name: string; src: string; nodes?: Node[] }
type Diagnostic = {
  severity: string
  errorCode?: string
  message: string
  sourceLocation?: { start: number }
}
type Output = { errors?: Diagnostic[]; sources?: Record<string, { ast: Node }> }
type Compiler = {
  compile(
    input: string,
    callbacks: { import: (path: string) => { contents: string } | { error: string } },
  ): string
}

const HELP = `usage: npm run prove [-- --update]

Hands each claim in test/contracts/proofs to solc's model checker and compares the answers with contracts/proofs.json.
Exits 1 when a claim that is recorded as proved no longer is.

  --update  rewrites the record`
const ROOT = new URL('../', import.meta.url)
const PROOFS = 'test/contracts/proofs/'
const RECORD = new URL('contracts/proofs.json', ROOT)
// The checker's own codes: an assertion that holds for all inputs, and one it could not decide or refuted.
const SAFE = '9576'
const NOT_SAFE = '6328'

const require = createRequire(import.meta.url)
const solc = require('solc') as Compiler

const sourcesOf = async (): Promise<Map<string, string>> => {
  const names = (await readdir(new URL(PROOFS, ROOT))).filter((name) => name.endsWith('.sol')).sort()
  const texts = new Map<string, string>()
  for (const name of names) texts.set(PROOFS + name, await readFile(new URL(PROOFS + name, ROOT), 'utf8'))
  for (const name of [
    'libraries/Billing.sol',
    'libraries/Caps.sol',
    'libraries/Pricing.sol',
    'types/DataTypes.sol',
  ]) {
    texts.set(`contracts/src/${name}`, await readFile(new URL(`contracts/src/${name}`, ROOT), 'utf8'))
  }
  return texts
}

const rangeOf = (node: Node): [number, number] => {
  const [start = 0, length = 0] = node.src.split(':').map(Number)
  return [start, start + length]
}

/** The answer for each function of one file: proved when it asserts something and all of it is safe. */
const check = (path: string, texts: Map<string, string>): Map<string, Answer> => {
  const contract = path.slice(PROOFS.length).replace('.proof.sol', 'Proof')
  const input = {
    language: 'Solidity',
    sources: { [path]: { content: texts.get(path)! } },
    settings: {
      // No timeout: z3 then stops at a count of its own steps, which is the same on every machine.
      modelChecker: {
        contracts: { [path]: [contract] },
        engine: 'chc',
        solvers: ['z3'],
        targets: ['assert'],
        showProvedSafe: true,
        showUnproved: true,
      },
      outputSelection: { '*': { '': ['ast'] } },
    },
  }
  const resolve = (name: string) => {
    const contents = texts.get(name)
    return contents === undefined ? { error: `a proof may not import ${name}` } : { contents }
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: resolve })) as Output
  const diagnostics = output.errors ?? []
  const broken = diagnostics.find(({ severity }) => severity === 'error')
  const ast = output.sources?.[path]?.ast
  if (broken !== undefined || ast === undefined) {
    console.error(`${path} does not compile: ${broken?.message ?? 'no answer from solc'}`)
    process.exit(2)
  }
  const functions = ast.nodes!.flatMap(({ nodes = [] }) =>
    nodes.filter((n) => n.nodeType === 'FunctionDefinition'),
  )
  return new Map(
    functions.map((claim) => {
      const [from, to] = rangeOf(claim)
      const codes = diagnostics
        .filter(({ sourceLocation: at }) => at !== undefined && at.start >= from && at.start < to)
        .map(({ errorCode }) => errorCode)
      return [
        `${contract}.${claim.name}`,
        codes.includes(SAFE) && !codes.includes(NOT_SAFE) ? 'proved' : 'not answered',
      ]
    }),
  )
}

const { update } = readFlags(HELP, { update: { type: 'boolean', default: false } }).values
const texts = await sourcesOf()
const answers: Record<string, Answer> = {}
for (const path of [...texts.keys()].filter((name) => name.startsWith(PROOFS))) {
  for (const [claim, answer] of check(path, texts)) {
    answers[claim] = answer
    console.log(`${answer.padEnd(12)}  ${claim}`)
  }
}
// Without a record there is nothing to lose, so its absence must not pass for a success.
const recorded = update ? {} : (JSON.parse(await readFile(RECORD, 'utf8')) as Record<string, Answer>)
const lost = Object.keys(recorded).filter(
  (claim) => recorded[claim] === 'proved' && answers[claim] !== 'proved',
)
const news = Object.keys(answers).filter((claim) => recorded[claim] !== answers[claim])
const proved = Object.values(answers).filter((answer) => answer === 'proved').length
console.log(`${proved} of ${Object.keys(answers).length} claims proved`)
if (update) {
  await writeFile(RECORD, `${JSON.stringify(answers, null, 2)}\n`)
} else if (lost.length > 0) {
  console.error(`no longer proved: ${lost.join(', ')}`)
  process.exitCode = 1
} else if (news.length > 0) {
  console.log(`differs from contracts/proofs.json, record it with --update: ${news.join(', ')}`)
}
