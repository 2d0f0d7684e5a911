// Runs Solidity tests in EDR, the machine behind `hardhat test solidity`, on artifacts that are already there: no
// compile and no build information to read in between, so that a run of one test costs what the test costs.
import {
  type Artifact,
  CollectStackTraces,
  EdrContext,
  L1_CHAIN_TYPE,
  L1Hardfork,
  l1GenesisState,
  l1HardforkToString,
  l1SolidityTestRunnerFactory,
  type SolidityTestRunnerConfigArgs,
  type TestResult,
} from '@nomicfoundation/edr'

export type { Artifact } from '@nomicfoundation/edr'

/** A fuzz test takes arguments, an invariant is checked after every call of a sequence. */
export type Kind = 'unit' | 'fuzz' | 'invariant'

/** One test function of one test contract. */
export type TestId = { source: string; contract: string; name: string; kind: Kind }

export type Outcome = {
  test: TestId
  status: 'passed' | 'failed' | 'skipped'
  /** Fuzz cases or invariant sequences, 1 for a unit test. */
  runs: number
  /** Calls of all sequences of an invariant, else as many as runs. */
  calls: number
  seconds: number
  /** Why it failed, with the smallest counterexample. */
  reason: string
}

export type RunOptions = {
  /** `0x…`, of fuzz cases and of invariant sequences. */
  seed: string
  fuzzRuns: number
  invariantRuns: number
  invariantDepth: number
  /** A failing sequence is shortened by at most that many attempts. */
  shrink: number
  /** The most that one call of a test may use. */
  gasLimit?: bigint
  /** `block.coinbase` of every test: 20 bytes, big-endian. */
  coinbase?: Uint8Array
  /** Called with the markers that the code under test reported. */
  onCoverage?: (markers: readonly Uint8Array[]) => void
}

// As `hardhat test solidity` has it.
const HARDFORK = L1Hardfork.Osaka

let context: Promise<EdrContext> | undefined

const edr = (): Promise<EdrContext> => {
  context ??= (async () => {
    const created = new EdrContext()
    await created.registerSolidityTestRunnerFactory(L1_CHAIN_TYPE, l1SolidityTestRunnerFactory())
    return created
  })()
  return context
}

type Entry = { type: string; name?: string; inputs?: unknown[] }

const kindOf = ({ name = '', inputs = [] }: Entry): Kind =>
  name.startsWith('invariant') ? 'invariant' : inputs.length > 0 ? 'fuzz' : 'unit'

/** Every test of every contract among the artifacts, in the order of their names. */
export const testsOf = (artifacts: readonly Artifact[]): TestId[] =>
  artifacts
    .filter(({ contract }) => (contract.bytecode ?? '0x').length > 2)
    .flatMap(({ id, contract }) =>
      (JSON.parse(contract.abi) as Entry[])
        .filter(({ type, name = '' }) => type === 'function' && /^(test|invariant)/.test(name))
        .map((entry) => ({
          source: id.source,
          contract: id.name,
          name: entry.name ?? '',
          kind: kindOf(entry),
        })),
    )
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))

/** A test that compares gas says nothing about code that was changed to be watched. */
export const measuresGas = ({ name }: TestId): boolean => /^invariant_21_|Affordable$/.test(name)

export const nameOf = ({ source, contract, name }: Omit<TestId, 'kind'>): string =>
  `${source}:${contract}.${name}`

const config = (options: RunOptions, pattern: string | undefined): SolidityTestRunnerConfigArgs => ({
  projectRoot: process.cwd(),
  hardfork: l1HardforkToString(HARDFORK),
  localPredeploys: l1GenesisState(HARDFORK),
  disableBlockGasLimit: true,
  disableTransactionGasCap: true,
  collectStackTraces: CollectStackTraces.OnFailure,
  fuzz: { runs: options.fuzzRuns, seed: options.seed },
  invariant: {
    runs: options.invariantRuns,
    depth: options.invariantDepth,
    failOnRevert: true,
    shrinkRunLimit: options.shrink,
  },
  ...(options.gasLimit !== undefined && { gasLimit: options.gasLimit }),
  ...(options.coinbase && { blockCoinbase: options.coinbase }),
  ...(pattern !== undefined && { testPattern: pattern }),
  ...(options.onCoverage && {
    observability: {
      codeCoverage: {
        onCollectedCoverageCallback: async (markers: Uint8Array[]) => options.onCoverage?.(markers),
      },
    },
  }),
})

const callText = ({ contractName = '', signature = '', args = '' }): string =>
  `${contractName}.${signature.replace(/\(.*/s, '')}(${args})`

const reasonOf = (result: TestResult): string => {
  const { reason = 'no reason given', counterexample } = result
  if (counterexample === undefined) return reason
  const calls = 'sequence' in counterexample ? counterexample.sequence : [counterexample]
  return `${reason}\n${calls.map((call) => `  ${callText(call)}`).join('\n')}`
}

const outcome = (test: TestId, result: TestResult): Outcome => {
  const counted = 'runs' in result.kind ? Number(result.kind.runs) : 1
  return {
    test,
    status: ({ Success: 'passed', Failure: 'failed', Skipped: 'skipped' } as const)[result.status],
    runs: counted,
    calls: 'calls' in result.kind ? Number(result.kind.calls) : counted,
    seconds: Number(result.durationNs) / 1e9,
    reason: result.status === 'Failure' ? reasonOf(result) : '',
  }
}

/**
 * Runs the tests given, which may be of several contracts, and nothing else.
 * @param artifacts Everything that the tests deploy from artifacts, the test contracts among them.
 */
export const runTests = async (
  artifacts: readonly Artifact[],
  tests: readonly TestId[],
  options: RunOptions,
): Promise<Outcome[]> => {
  const wanted = new Map(tests.map((test) => [nameOf(test), test]))
  const suites = artifacts.filter(({ id }) =>
    tests.some(({ source, contract }) => source === id.source && contract === id.name),
  )
  const whole = testsOf(suites).every((test) => wanted.has(nameOf(test)))
  const pattern = whole ? undefined : `^(${[...new Set(tests.map(({ name }) => name))].join('|')})(\\(|$)`
  if (suites.length === 0) return []
  const runner = await edr()
  const outcomes: Outcome[] = []
  const reported = Promise.withResolvers<void>()
  let left = suites.length
  await runner.runSolidityTests(
    L1_CHAIN_TYPE,
    [...artifacts],
    suites.map(({ id }) => id),
    config(options, pattern),
    { buildInfos: [], ignoreContracts: false },
    ({ id, testResults }) => {
      for (const result of testResults) {
        const name = result.name.replace(/\(.*/s, '')
        const test = wanted.get(nameOf({ source: id.source, contract: id.name, name })) ?? {
          source: id.source,
          contract: id.name,
          name,
          kind: 'unit',
        }
        outcomes.push(outcome(test, result))
      }
      left -= 1
      if (left === 0) reported.resolve()
    },
  )
  // The run may be over before its last suites have been handed over.
  await reported.promise
  return outcomes
}
