// `npm run fuzz -- NAME [flags]`.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const mainOf = (name: string) => join(import.meta.dirname, name, 'main.ts')
const names = readdirSync(import.meta.dirname).filter((name) => existsSync(mainOf(name)))

const name = process.argv[2] ?? ''
if (names.includes(name)) {
  process.argv.splice(1, 2, mainOf(name))
  await import(pathToFileURL(mainOf(name)).href)
} else {
  console.error(`usage: npm run fuzz -- ${names.join(' | ')} [flags]   (--help for the flags of one)`)
  process.exitCode = name === '' || name === '--help' ? 0 : 2
}
