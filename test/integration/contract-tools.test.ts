// What measures the tests of the contracts, measured on a contract with known holes in its tests.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { COVERAGE_LIBRARY_FILE_NAME } from '@nomicfoundation/edr'
import { getCoverageLibrary } from '@nomicfoundation/edr/coverage'
import { describe, expect, it, onTestFinished } from 'vitest'
import { compile } from '../../scripts/contracts/compiler.ts'
import { runTests, type TestId, testsOf } from '../../scripts/contracts/edr.ts'
import { instrument, MARKERS, MARKERS_PATH } from '../../scripts/contracts/instrument.ts'
import { openJournal } from '../../scripts/contracts/journal.ts'
import { planOf } from '../../scripts/contracts/plan.ts'
import { treeOf } from '../../scripts/contracts/tree.ts'
import { judge, stagesOf } from '../../scripts/mutation/judge.ts'
import { mutantsOf } from '../../scripts/mutation/mutants.ts'
import { verdict } from '../../scripts/mutation/verdict.ts'
import { SWITCH, SWITCH_PATH, weave } from '../../scripts/mutation/weave.ts'

const SOURCE = 'toy/Jar.sol'
const TEST = 'toy/Jar.test.sol'
const JAR = `pragma solidity ^0.8.28;
contract Jar {
    address public immutable OWNER = msg.sender;
    uint256 public held;
    event Kept(uint256 held);
    modifier onlyOwner() { require(msg.sender == OWNER, unicode"nicht für dich"); _; }
    function keep(uint256 amount) external onlyOwner {
        if (amount > 10) revert();
        held += amount;
        emit Kept(held);
    }
    function least(uint256 a, uint256 b) external pure returns (uint256) { return a < b ? a : b; }
}`
const JAR_TEST = `pragma solidity ^0.8.28;
import { Jar } from "./Jar.sol";
contract JarTest {
    Jar jar = new Jar();
    function test_keep() external {
        jar.keep(10);
        jar.keep(3);
        assert(jar.held() == 13);
        (bool ok, ) = address(jar).call(abi.encodeCall(Jar.keep, (11)));
        assert(!ok);
    }
    function test_least() external view { assert(jar.least(1, 2) == 1); }
}`

const jarTree = () => {
  const { trees } = compile([SOURCE], new Map([[SOURCE, JAR]]), 'trees')
  const [{ root }] = trees as [(typeof trees)[0]]
  return treeOf(SOURCE, JAR, root)
}

describe('mutants', () => {
  const tree = jarTree()
  const definitions = new Map(tree.nodes.map((node) => [node.id, node]))
  const mutants = mutantsOf(tree, definitions, 1)

  it('live where the tests look away, and nowhere else', async () => {
    const texts = new Map([
      [SOURCE, weave([tree], definitions, mutants).get(SOURCE)!.text],
      [TEST, JAR_TEST],
      [SWITCH_PATH, SWITCH],
    ])
    const { artifacts, problems } = compile([SOURCE, TEST], texts)
    expect(problems).toEqual([])
    const stages = stagesOf(artifacts)
    expect(await judge(artifacts, stages, 0)).toBeUndefined()
    const alive: string[] = []
    for (const { number, id } of mutants) {
      if ((await judge(artifacts, stages, number)) === undefined) alive.push(id)
    }
    expect(alive.sort()).toEqual([
      'Jar.keep: drop emit Kept(held)',
      'Jar.keep: drop onlyOwner (modifier)',
      'Jar.onlyOwner: drop require(msg.sender == OWNER, unicode"nicht für dich")',
    ])
    expect(mutants.length).toBeGreaterThan(10)
  })

  it('without a reason fail the run, and so does a reason without a mutant', () => {
    const [first, second] = mutants as [(typeof mutants)[0], (typeof mutants)[0]]
    const reasons = { [`${first.path} ${first.id}`]: 'equivalent', 'nowhere nothing': 'gone' }
    const findings = { done: mutants, survivors: [first, second], reasons, isWhole: true }
    expect(verdict(findings)).toEqual([
      expect.stringContaining(second.id),
      expect.stringContaining('nowhere nothing'),
      expect.stringMatching(/% killed/),
    ])
    expect(verdict({ ...findings, survivors: [first], isWhole: false })).toEqual([])
  })
})

it('markers tell the lines and the branches that were taken', async () => {
  const { text, markers } = instrument(jarTree(), 1)
  const texts = new Map([
    [SOURCE, text],
    [TEST, JAR_TEST],
    [MARKERS_PATH, MARKERS],
    [COVERAGE_LIBRARY_FILE_NAME, getCoverageLibrary().content],
  ])
  const { artifacts, problems } = compile([SOURCE, TEST], texts)
  expect(problems).toEqual([])
  const hits = new Set<number>()
  const outcomes = await runTests(artifacts, testsOf(artifacts), {
    seed: '0x1',
    fuzzRuns: 1,
    invariantRuns: 1,
    invariantDepth: 1,
    shrink: 0,
    onCoverage: (seen) => {
      for (const bytes of seen) hits.add(bytes.at(-1)!)
    },
  })
  expect(outcomes.map(({ status }) => status)).toEqual(['passed', 'passed'])
  const missed = markers.filter(({ number }) => !hits.has(number))
  expect(missed.map(({ line, what }) => `${line} ${what}`)).toEqual([
    '6 Jar.onlyOwner: never false: msg.sender == OWNER',
    '12 Jar.least: never false: a < b',
  ])
})

describe('a long run', () => {
  const test = (name: string, kind: TestId['kind']): TestId => ({ source: 's', contract: 'C', name, kind })
  const tests = [test('test_a', 'unit'), test('testFuzz_b', 'fuzz'), test('invariant_c', 'invariant')]
  const depth = { fuzzRuns: 25_000, invariantRuns: 600, invariantDepth: 100 }

  it('gives every test all its cases, each shard with a seed of its own, the same for the same seed', () => {
    const plan = planOf(tests, depth, '0x1')
    const runs = (name: string) =>
      plan
        .filter((shard) => shard.tests.some((one) => one.name === name))
        .reduce((sum, shard) => sum + shard.runs, 0)
    expect([runs('test_a'), runs('testFuzz_b'), runs('invariant_c')]).toEqual([1, 25_000, 600])
    expect(new Set(plan.map(({ seed }) => seed)).size).toBe(plan.length)
    expect(planOf(tests, depth, '0x1')).toEqual(plan)
    expect(planOf(tests, depth, '0x2')[0]!.seed).not.toBe(plan[0]!.seed)
  })

  it('goes on with what is whole, and begins anew about something else', () => {
    const directory = mkdtempSync(join(tmpdir(), 'journal-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    openJournal<number>(directory, 'one', false).record('C.invariant_c/1', 7)
    // As a process leaves it that is killed while it writes.
    writeFileSync(join(directory, 'part-half.json.1.partial'), '{"key":')
    expect([...openJournal<number>(directory, 'one', false).done]).toEqual([['C.invariant_c/1', 7]])
    expect(openJournal<number>(directory, 'two', false).done.size).toBe(0)
  })
})
