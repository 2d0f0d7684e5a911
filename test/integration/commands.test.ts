// Whoever types a command of this repository for the first time, or types it wrong.
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
/** These read more than flags, and answer for a mistake themselves. */
const OWN_READING = [
  ...['agent/src/cli/find.ts', 'keeper/src/main.ts', 'scripts/lease.ts', 'scripts/demo/options.ts'],
  ...['scripts/audit/main.ts', 'scripts/crash/main.ts', 'scripts/deploy/check.ts', 'scripts/deploy/main.ts'],
]

const type = (file: string, ...flags: string[]) => {
  const ran = spawnSync(process.execPath, [join(ROOT, file), ...flags], {
    ...{ cwd: ROOT, timeout: 60_000, encoding: 'utf8' },
  })
  return { code: ran.status, out: ran.stdout, err: ran.stderr }
}

describe('a command', () => {
  it('tells how it is used', () => {
    const { code, out } = type('scripts/test.ts', '--help')
    expect(code).toBe(0)
    expect(out).toMatch(/^usage: npm test/i)
  })

  it.each([
    ['scripts/test.ts', '--no-such-flag', "Unknown option '--no-such-flag'"],
    ['scripts/bench/ready/main.ts', '--runs=many', '--runs takes a whole number from 1 to 1000, not "many".'],
    ['scripts/bench/ready/main.ts', '--runs=0', '--runs takes a whole number from 1 to 1000, not "0".'],
  ])('%s %s is refused in a sentence', (file, flag, sentence) => {
    const { code, err } = type(file, flag)
    expect(code).toBe(2)
    expect(err.startsWith(sentence)).toBe(true)
    expect(err).toMatch(/^usage: /m)
    expect(err).not.toMatch(/^\s+at /m)
  })

  it.each(OWN_READING)('%s refuses one in its own way', (file) => {
    const main = file === 'agent/src/cli/find.ts' ? 'agent/src/cli/main.ts' : file.replace('options', 'main')
    const { code, err } = type(main, '--no-such-flag')
    expect(code).toBe(2)
    expect(err).toMatch(/no-such-flag/)
    expect(err).not.toMatch(/^\s+at /m)
  })

  it('reads its flags where mistakes are answered', () => {
    const files = globSync(['{scripts,test}/**/*.ts', '{agent,keeper}/{src,test}/**/*.ts'], { cwd: ROOT })
    const parsing = files.filter((file) => readFileSync(join(ROOT, file), 'utf8').includes('parseArgs('))
    expect(parsing.filter((file) => !file.includes('commands.test')).sort()).toEqual(
      [...OWN_READING, 'scripts/lib/flags.ts'].sort(),
    )
  })
})
