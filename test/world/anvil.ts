// A local chain: anvil as a child process, on a free loopback port, ended with its owner.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { DecloudError } from '@decloud/protocol'
import { createTestClient, createWalletClient, defineChain, http, publicActions } from 'viem'
import type { HDAccount } from 'viem/accounts'
import { accountOf } from './accounts.ts'
import { makeStates } from './anvil-states.ts'

export const LOCAL_CHAIN_ID = 31_337
const START_DEADLINE_MS = 20_000
/** With a large state to read first. */
const LOAD_DEADLINE_MS = 300_000
const STOP_DEADLINE_MS = 5_000
/** Of a chain that writes all of itself to a file first. */
const SAVE_DEADLINE_MS = 180_000
const SETPRIV = '/usr/bin/setpriv'

export type AnvilOptions = {
  /** Seconds between blocks; a transaction is mined at once all the same. 0 mines for transactions only. */
  blockTime?: number
  /** A file that the chain goes on from when it is there, and is written to when it stops. */
  state?: string
  /** A file that the chain goes on from, and that stays as it is. */
  loadState?: string
  /** Blocks take any number of transactions. */
  anyGas?: boolean
  /** Unix seconds of the first block; now by default. */
  timestamp?: number
  /** Where its log lines go; dropped when absent. */
  onLine?: (line: string) => void
}

export type Anvil = {
  rpcUrl: string
  pid: number
  /** Reads, and the cheat codes of a test chain. */
  client: ReturnType<typeof clientOf>
  /** Account `index` of the well-known mnemonic, funded with 10,000 coins. */
  account(index: number): HDAccount
  wallet(index: number): ReturnType<typeof walletOf>
  /** Moves the clock and mines one block at the new time. */
  moveTime(seconds: number): Promise<void>
  stop(): Promise<void>
}

export const chainOf = (rpcUrl: string) =>
  defineChain({
    id: LOCAL_CHAIN_ID,
    name: 'Local',
    nativeCurrency: { name: 'Coin', symbol: 'POL', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  })

const clientOf = (rpcUrl: string) =>
  createTestClient({
    mode: 'anvil',
    chain: chainOf(rpcUrl),
    transport: http(rpcUrl, { retryCount: 0 }),
    cacheTime: 0,
    pollingInterval: 50,
  }).extend(publicActions)

const walletOf = (rpcUrl: string, index: number) =>
  createWalletClient({
    account: accountOf(index),
    chain: chainOf(rpcUrl),
    transport: http(rpcUrl, { retryCount: 0 }),
  })

/** The platform's own binary: the package's launcher would hide the real process behind another. */
const binary = (): string => {
  const cpu = process.arch === 'x64' ? 'amd64' : process.arch
  const name = `@foundry-rs/anvil-${process.platform}-${cpu}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'anvil')
  } catch (cause) {
    throw new DecloudError(
      'anvil-missing',
      `There is no local chain for this machine: ${name} is not installed.`,
      {
        hint: 'Run `npm run setup`.',
        cause,
      },
    )
  }
}

/** Where the kernel can, the chain dies with this process however this process dies: `kill -9` runs no handler. */
const tied = (command: string, args: readonly string[]): [string, string[]] =>
  existsSync(SETPRIV) ? [SETPRIV, ['--pdeathsig', 'KILL', command, ...args]] : [command, [...args]]

/**
 * @throws DecloudError `anvil-missing`, or `anvil-start` with its last lines when it does not listen in time.
 */
export const startAnvil = async (options: AnvilOptions = {}): Promise<Anvil> => {
  const program = binary()
  const states = await makeStates()
  // One slot an epoch: `finalized` lags two blocks behind, not sixty-four.
  const args = [
    '--host',
    '127.0.0.1',
    '--port',
    '0',
    '--slots-in-an-epoch',
    '1',
    '--chain-id',
    `${LOCAL_CHAIN_ID}`,
    '--cache-path',
    states.path,
  ]
  if (options.blockTime) args.push('--block-time', `${options.blockTime}`, '--mixed-mining')
  if (options.state !== undefined) args.push('--state', options.state)
  if (options.loadState !== undefined) args.push('--load-state', options.loadState)
  if (options.anyGas === true) args.push('--disable-block-gas-limit')
  if (options.timestamp !== undefined) args.push('--timestamp', `${options.timestamp}`)
  const child = spawn(...tied(program, args), { stdio: ['ignore', 'pipe', 'pipe'] })
  const isLoading = options.state !== undefined || options.loadState !== undefined
  const deadlineMs = isLoading ? LOAD_DEADLINE_MS : START_DEADLINE_MS
  const rpcUrl = await listening(child, deadlineMs, options.onLine).catch(async (error: unknown) => {
    await states.remove()
    throw error
  })
  // Also when it is killed.
  const removed = once(child, 'exit')
    .then(states.remove)
    .catch(() => {}) // it is one folder more in the system's own place for them
  const client = clientOf(rpcUrl)
  return {
    rpcUrl,
    pid: child.pid!,
    client,
    account: accountOf,
    wallet: (index) => walletOf(rpcUrl, index),
    moveTime: async (seconds) => {
      await client.increaseTime({ seconds })
      await client.mine({ blocks: 1 })
    },
    stop: async () => {
      await stop(child, options.state === undefined ? STOP_DEADLINE_MS : SAVE_DEADLINE_MS)
      await removed
    },
  }
}

const listening = (
  child: ChildProcess,
  deadlineMs: number,
  onLine?: (line: string) => void,
): Promise<string> =>
  new Promise((resolve, reject) => {
    const tail: string[] = []
    const fail = (why: string, cause?: unknown) => {
      clearTimeout(deadline)
      child.kill('SIGKILL')
      reject(
        new DecloudError('anvil-start', `The local chain did not start: ${why}. ${tail.join(' ')}`, {
          cause,
        }),
      )
    }
    const deadline = setTimeout(() => fail(`nothing in ${deadlineMs / 1000} s`), deadlineMs)
    child.once('error', (error) => fail(error.message, error))
    child.once('exit', (code, signal) => fail(`it ended with ${code ?? signal}`))
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        onLine?.(line)
        tail.push(line)
        if (tail.length > 5) tail.shift()
        const match = /Listening on (127\.0\.0\.1:\d+)/.exec(line)
        if (match === null) return
        clearTimeout(deadline)
        child.removeAllListeners('exit').removeAllListeners('error')
        resolve(`http://${match[1]}`)
      })
    }
  })

const stop = async (child: ChildProcess, deadlineMs: number): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const deadline = setTimeout(() => child.kill('SIGKILL'), deadlineMs)
  await exited
  clearTimeout(deadline)
}
