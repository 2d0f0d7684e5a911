// `npm run bench -- NAME [flags]`: runs scripts/bench/NAME/main.ts in this process, so that a signal reaches it.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const here = import.meta.dirname
const mainOf = (name: string) => join(here, name, 'main.ts')

const names = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(mainOf(entry.name)))
  .map((entry) => entry.name)
  .sort()

/** What a bench measures is the first line of its own file. */
const aboutOf = (name: string) =>
  (readFileSync(mainOf(name), 'utf8').split('\n')[0] ?? '').replace(/^\/\/ /, '')

const HELP = `usage: npm run bench -- NAME [flags]        (npm run bench -- NAME --help for the flags of one)

${names.map((name) => `  ${name.padEnd(12)} ${aboutOf(name)}`).join('\n')}

Each prints our figure, the peer's from the same run and the ratio, and leaves them in build/bench/NAME.json.`

const name = process.argv[2]
if (name === undefined || name === '--help' || name === '-h') console.log(HELP)
else if (names.includes(name)) {
  // The bench reads its flags as if it had been started by itself.
  process.argv.splice(1, 2, mainOf(name))
  await import(pathToFileURL(mainOf(name)).href)
} else {
  console.error(`There is no bench "${name}".\n\n${HELP}`)
  process.exitCode = 2
}
