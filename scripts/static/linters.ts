import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DecloudError } from '@decloud/protocol'
import type { Syntax } from './compile.ts'
import { placeOf } from './places.ts'
import { run } from './run.ts'
import { BUILD } from './tools.ts'
import type { Finding } from './triage.ts'

const LINT_SECONDS = 180

type Diagnostic = {
  code: { code: string } | null
  message: string
  spans: { file_name: string; byte_start: number; line_start: number; is_primary: boolean }[]
}

/** solhint's own complaints, line by line; none is explained away. */
export const solhint = async (root: string, signal: AbortSignal): Promise<string[]> => {
  const binary = join(root, 'node_modules/.bin/solhint')
  const ran = await run(binary, ['--formatter', 'unix', 'contracts/src/**/*.sol'], {
    seconds: LINT_SECONDS,
    signal,
    cwd: root,
  })
  if (ran.code === 0) return []
  const lines = `${ran.stdout}${ran.stderr}`.split('\n').filter((line) => line.includes('.sol:'))
  return lines.length > 0 ? lines : ['solhint failed without a word']
}

/** @returns Why forge cannot be used, or nothing when it can: npm leaves its binary out on platforms without one. */
export const noForge = async (root: string, signal: AbortSignal): Promise<string | undefined> => {
  const ran = await run(join(root, 'node_modules/.bin/forge'), ['--version'], { seconds: 30, signal }).catch(
    (error: Error) => {
      if (signal.aborted) throw error
      return { code: 1 }
    },
  )
  return ran.code === 0
    ? undefined
    : 'the binary of the npm package @foundry-rs/forge is missing or does not start.'
}

/** forge asks a native solc for the syntax; the one there is, is the wasm build. */
const writeCompilerShim = async (root: string): Promise<string> => {
  const shim = join(root, BUILD, 'bin', 'solc')
  await mkdir(join(root, BUILD, 'bin'), { recursive: true })
  const script = join(root, 'scripts/static/solc.ts')
  await writeFile(shim, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`)
  await chmod(shim, 0o755)
  return shim
}

const readDiagnostics = (text: string): Diagnostic[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Diagnostic)

/** What forge's linter says about the contracts, mocks aside. */
export const forgeLint = async (root: string, syntax: Syntax, signal: AbortSignal): Promise<Finding[]> => {
  const ran = await run(join(root, 'node_modules/.bin/forge'), ['lint', 'contracts/src', '--json'], {
    seconds: LINT_SECONDS,
    signal,
    cwd: root,
    env: {
      FOUNDRY_SOLC: await writeCompilerShim(root),
      FOUNDRY_SRC: 'contracts/src',
      FOUNDRY_TEST: 'test/contracts/symbolic',
      FOUNDRY_OUT: `${BUILD}/forge/out`,
      FOUNDRY_CACHE_PATH: `${BUILD}/forge/cache`,
    },
  })
  if (ran.code !== 0 || ran.timedOut) {
    throw new DecloudError('static/forge-lint', `forge lint did not finish: ${ran.stderr.slice(0, 600)}`)
  }
  return readDiagnostics(ran.stdout + ran.stderr).flatMap(({ code, message, spans }) => {
    const span = spans.find(({ is_primary }) => is_primary)
    if (span === undefined || span.file_name.startsWith('contracts/src/mocks/')) return []
    const at = placeOf(syntax, span.file_name, span.byte_start)
    const text = `${message} (${span.file_name}:${span.line_start})`
    return [{ tool: 'forge-lint', check: code?.code ?? 'unnamed', at, text }]
  })
}
