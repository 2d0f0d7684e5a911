// The compiler of the npm package `solc`, behind the two questions that forge asks a native one: its version, and
// `--standard-json` on stdin.
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'

const solc = createRequire(import.meta.url)('solc') as { version(): string; compile(input: string): string }

if (process.argv.includes('--version')) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`)
} else {
  process.stdout.write(solc.compile(await text(process.stdin)))
}
