// A keeper as a team runs it: a process with a data folder of its own, here behind an RPC that sees every call.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DecloudError } from '@decloud/protocol'
import { toHex } from 'viem'
import type { Local } from '../../chain/test/local.ts'
import { type RpcProxy, startRpcProxy } from '../../chain/test/rpc-proxy.ts'
import type { Leftovers } from '../../scripts/lib/leftovers.ts'
import { bareEnv } from '../world/bare-env.ts'

const MAIN = fileURLToPath(new URL('../../keeper/src/main.ts', import.meta.url))
const START_DEADLINE_MS = 180_000
const STOP_DEADLINE_MS = 30_000

/** What is missing when it comes back: nothing, what it can read from the chain again, or all it ever wrote. */
export type Fate = 'as it was' | 'without its cache' | 'with an empty folder'

export type KeeperRig = {
  name: string
  account: number
  dataDir: string
  gate: RpcProxy
  /** Starts the process; `up` resolves with the address of its API, or rejects when it ends before. */
  start(): void
  up(): Promise<string>
  isAlive(): boolean
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>
  prepare(fate: Fate): Promise<void>
  /** SIGTERM; @throws DecloudError `keeper-ended` when it does not end with 0 in time. */
  stop(): Promise<void>
  close(): Promise<void>
}

export type RigOptions = {
  local: Local
  folder: string
  name: string
  account: number
  leftovers: Leftovers
  /** Told when the process ends without having been killed or stopped: that is a finding. */
  onDeath(error: DecloudError): void
}

const configOf = (local: Local, gate: RpcProxy, dataDir: string) => ({
  rpcUrls: [gate.url],
  deployment: local.deployment,
  dataDir,
  port: 0,
  // Busy, so that a kill falls into something.
  settleEverySeconds: 0.4,
  minSettleUsdc: '0.0002',
  batchSize: 20,
  auditEverySeconds: 10,
  upkeep: { jitterSeconds: 0.3, replaceAfterSeconds: 3 },
  metrics: { port: 0 },
  logLevel: 'info',
})

export const makeRig = async (options: RigOptions): Promise<KeeperRig> => {
  const { local, folder, name, account } = options
  const gate = await startRpcProxy(local.anvil.rpcUrl)
  const dataDir = join(folder, name)
  await mkdir(dataDir)
  const file = join(folder, `${name}.json`)
  await writeFile(file, JSON.stringify(configOf(local, gate, dataDir)))
  const log = createWriteStream(join(folder, `${name}.log`), { flags: 'a' })
  const key = toHex(local.anvil.account(account).getHdKey().privateKey!)
  let child: ChildProcess | null = null
  let expected = false
  let closed = false
  let upAt: Promise<string> = Promise.reject(new DecloudError('keeper-down', `${name} was not started.`))
  upAt.catch(() => {})

  const start = () => {
    // A run that was broken off takes its rigs down while a kill may still be under way.
    if (closed) return
    expected = false
    const own = spawn(process.execPath, [MAIN, '--config', file], {
      env: { ...bareEnv(), DECLOUD_KEEPER_PRIVATE_KEY: key },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = own
    void options.leftovers.process(own.pid!)
    let said = ''
    upAt = new Promise((resolve, reject) => {
      const fail = (why: string) =>
        reject(new DecloudError('keeper-ended', `${name} ${why}.`, { hint: said.slice(-2_000) }))
      const timer = setTimeout(() => fail('was not up in time'), START_DEADLINE_MS)
      own.once('exit', (code, signal) => {
        clearTimeout(timer)
        fail(`ended with ${code ?? signal}`)
        if (expected || signal === 'SIGKILL') return
        options.onDeath(
          new DecloudError('keeper-ended', `${name} ended by itself with ${code ?? signal}.`, {
            hint: said.slice(-2_000),
          }),
        )
      })
      for (const stream of [own.stdout, own.stderr]) {
        stream.on('data', (data: Buffer) => {
          log.write(data)
          said = `${said}${data.toString('utf8')}`.slice(-20_000)
          const url = /"url":"(http:[^"]+)"[^\n]*"msg":"keeper is up"/.exec(said)?.[1]
          if (url === undefined) return
          clearTimeout(timer)
          resolve(url)
        })
      }
    })
    upAt.catch(() => {})
  }
  const isAlive = () => child !== null && child.exitCode === null && child.signalCode === null
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    if (!isAlive()) return
    expected = true
    const exited = once(child!, 'exit')
    child!.kill(signal)
    await exited
  }
  return {
    ...{ name, account, dataDir, gate, start, isAlive },
    up: () => upAt,
    kill: () => end('SIGKILL'),
    prepare: async (fate) => {
      const files = fate === 'without its cache' ? ['keeper.sqlite'] : ['keeper.sqlite', 'local.sqlite']
      if (fate === 'as it was') return
      for (const one of files) {
        for (const tail of ['', '-wal', '-shm']) await rm(join(dataDir, `${one}${tail}`), { force: true })
      }
    },
    stop: async () => {
      const timer = setTimeout(() => child?.kill('SIGKILL'), STOP_DEADLINE_MS)
      await end('SIGTERM')
      clearTimeout(timer)
      if (child?.exitCode === 0) return
      throw new DecloudError(
        'keeper-ended',
        `${name} ended with ${child?.exitCode ?? child?.signalCode}, not with 0.`,
      )
    },
    close: async () => {
      closed = true
      await end('SIGKILL')
      await gate.close()
      log.end()
    },
  }
}
