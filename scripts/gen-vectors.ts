// Writes test/vectors/vectors.json: fixed inputs, outputs computed by the EVM. `--check` only compares.
import { readFile, writeFile } from 'node:fs/promises'
import { fixedCases } from '../test/vectors/cases.ts'
import { startEvm } from '../test/vectors/evm.ts'

const FILE = new URL('../test/vectors/vectors.json', import.meta.url)
const text = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)

const evm = await startEvm()
try {
  const cases = fixedCases()
  const each = async <input, output>(inputs: readonly input[], run: (input: input) => Promise<output>) =>
    Promise.all(inputs.map(async (input) => ({ input, output: await run(input) })))
  const vectors = {
    pricing: await each(cases.pricing, evm.pricing),
    billing: await each(cases.billing, evm.billing),
    shares: await each(cases.shares, evm.shares),
  }
  const fresh = `${JSON.stringify(vectors, text, 1)}\n`
  const current = await readFile(FILE, 'utf8').catch(() => '')
  if (process.argv.includes('--check')) {
    if (current !== fresh) {
      console.error(
        'test/vectors/vectors.json differs from what the EVM computes: run `npm run gen` and look at why',
      )
      process.exitCode = 1
    }
  } else if (current !== fresh) {
    await writeFile(FILE, fresh)
    console.log(`wrote ${Object.values(vectors).flat().length} vectors`)
  }
} finally {
  await evm.stop()
}
