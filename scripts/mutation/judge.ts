// Whether the tests notice a mutant: the fast ones first, and no further than the first that fails.
import {
  type Artifact,
  measuresGas,
  nameOf,
  type Outcome,
  type RunOptions,
  runTests,
  type TestId,
  testsOf,
} from '../contracts/edr.ts'

/** Tests that are run together, and how much each is tried. */
export type Stage = { tests: TestId[]; options: Omit<RunOptions, 'coinbase'> }

const SEED = '0x1'
/** An endless loop ends here; the longest test takes half of it. */
const GAS_LIMIT = 4_000_000_000n

const CHEAP = {
  seed: SEED,
  fuzzRuns: 16,
  invariantRuns: 1,
  invariantDepth: 16,
  shrink: 0,
  gasLimit: GAS_LIMIT,
}
const DEEPER = { ...CHEAP, fuzzRuns: 64, invariantRuns: 4, invariantDepth: 48 }

/** Unit tests, a few cases of the rest with the long walks of handlers, then more cases of those. */
export const stagesOf = (artifacts: readonly Artifact[]): Stage[] => {
  const tests = testsOf(artifacts).filter((test) => !measuresGas(test))
  const isLong = ({ kind, name }: TestId) => kind !== 'unit' || name.startsWith('test_handler_')
  const random = tests.filter(({ kind }) => kind !== 'unit')
  return [
    { tests: tests.filter((test) => !isLong(test)), options: CHEAP },
    { tests: tests.filter(isLong), options: CHEAP },
    { tests: random, options: DEEPER },
  ]
}

/** What a judgement depends on beside the code. */
export const RULES = [CHEAP, DEEPER].map((options) => Object.values(options).join()).join(' ')

const addressOf = (number: number): Uint8Array => {
  const bytes = new Uint8Array(20)
  new DataView(bytes.buffer).setUint32(16, number)
  return bytes
}

const failed = ({ status }: Outcome) => status === 'failed'

/**
 * @param relevant The tests to ask.
 * @param first The names of those to ask before the others.
 * @returns the test that failed and why, or nothing: the mutant lives.
 */
export const judge = async (
  artifacts: readonly Artifact[],
  stages: readonly Stage[],
  mutant: number,
  relevant: (test: TestId) => boolean = () => true,
  first: ReadonlySet<string> = new Set(),
): Promise<{ test: string; reason: string } | undefined> => {
  const likely = stages.map(({ tests, options }) => ({
    tests: tests.filter((test) => first.has(nameOf(test))),
    options,
  }))
  for (const { tests, options } of [...likely, ...stages]) {
    const outcomes = await runTests(artifacts, tests.filter(relevant), {
      ...options,
      coinbase: addressOf(mutant),
    })
    const hit = outcomes.find(failed)
    if (hit !== undefined) return { test: nameOf(hit.test), reason: hit.reason }
  }
  return undefined
}
