// Keepers for tests: in this process, or as the command in one of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toHex } from 'viem'
import { KEEPER, type Local } from '../../chain/test/local.ts'
import { bareEnv } from '../../test/world/bare-env.ts'
import { type Keeper, type KeeperConfigInput, makeKeeper, parseConfig } from '../src/index.ts'

export const keyOf = (local: Local, index = KEEPER) =>
  toHex(local.anvil.account(index).getHdKey().privateKey!)

export const makeHarness = async (local: Local) => {
  const folder = await mkdtemp(join(tmpdir(), 'keeper-'))
  const keepers: Keeper[] = []
  const children: ChildProcess[] = []
  let folders = 0
  const freshFolder = () => {
    folders += 1
    return join(folder, `data-${folders}`)
  }
  const raw = (change: Partial<KeeperConfigInput> = {}): KeeperConfigInput => ({
    rpcUrls: [local.anvil.rpcUrl],
    deployment: local.deployment,
    dataDir: freshFolder(),
    port: 0,
    // Rounds are asked for by the tests; the regular ones must not come between.
    settleEverySeconds: 3_600,
    auditEverySeconds: 3_600,
    upkeep: { jitterSeconds: 0 },
    scheduler: { enabled: false },
    payouts: { everySeconds: 3_600 },
    logLevel: 'fatal',
    // Tests ask as fast as they can.
    api: { requestsPerMinute: 10_000_000, costlyRequestsPerMinute: 1_000_000 },
    ...change,
  })
  const boot = async (
    change: Partial<KeeperConfigInput> = {},
    keyIndex: number | null = KEEPER,
  ): Promise<Keeper> => {
    const config = parseConfig(raw(change))
    const keeper = await makeKeeper({
      config,
      key: keyIndex === null ? null : { privateKey: keyOf(local, keyIndex) },
    })
    keepers.push(keeper)
    return keeper
  }
  /** The command in a process of its own; `onOutput` hears whenever it has said more. */
  const spawnCommand = async (
    words: readonly string[],
    config: object,
    env: Record<string, string>,
    onOutput = () => {},
  ) => {
    folders += 1
    const file = join(folder, `config-${folders}.json`)
    await writeFile(file, JSON.stringify(config))
    const main = new URL('../src/main.ts', import.meta.url).pathname
    const child = spawn(process.execPath, [main, ...words, '--config', file], {
      env: { ...bareEnv(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.push(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data.toString('utf8')
        onOutput()
      })
    }
    const ended = once(child, 'close').then(() => ({ code: child.exitCode, signal: child.signalCode }))
    return { child, ended, output: () => output }
  }
  /** A keeper that runs. */
  const spawnKeeper = async (config: object, env: Record<string, string> = {}) => {
    const listeners = new Set<() => void>()
    const started = await spawnCommand([], config, env, () => {
      for (const listener of listeners) listener()
    })
    const says = (pattern: RegExp): Promise<RegExpExecArray> =>
      new Promise((resolve, reject) => {
        const check = () => {
          const match = pattern.exec(started.output())
          if (match !== null) resolve(match)
        }
        listeners.add(check)
        started.ended.then(() =>
          reject(new Error(`the keeper ended without ${pattern}: ${started.output()}`)),
        )
        check()
      })
    return { ...started, says }
  }
  /** A verb of the command, to its end. */
  const spawnVerb = async (words: readonly string[], config: object, env: Record<string, string> = {}) => {
    const { ended, output } = await spawnCommand(words, config, env)
    const { code } = await ended
    return { code, output: output() }
  }
  const close = async () => {
    for (const child of children)
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    for (const keeper of keepers.splice(0)) await keeper.close()
    await rm(folder, { recursive: true, force: true })
  }
  return { raw, boot, spawnKeeper, spawnVerb, freshFolder, close }
}
export type Harness = Awaited<ReturnType<typeof makeHarness>>

export const getJson = async (url: string) => {
  const response = await fetch(url)
  // Tests read what they expect of a body; a wrong shape fails there.
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, never>,
  }
}

export const until = async (
  condition: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs = 15_000,
) => {
  const end = Date.now() + deadlineMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
