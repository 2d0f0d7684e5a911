// The agent as a process of its own that a test may kill, with simulated guests in a file beside its state.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bytesToHex } from 'viem'
import { bareEnv } from '../../../test/world/bare-env.ts'
import type { Bench } from '../helpers/node.ts'

const AGENT = new URL('./hasty-agent.ts', import.meta.url).pathname
const START_DEADLINE_MS = 60_000

export type AgentProcess = {
  /** Resolves with the address of its API once it says that it is up. */
  up: Promise<string>
  /** `kill -9`: no handler runs. Resolves when the process is gone. */
  kill(): Promise<void>
}

/** The environment of `decloud-node` for the node of a bench. */
export const environmentOf = async (bench: Bench, dataDir: string): Promise<Record<string, string>> => {
  const deploymentFile = join(dataDir, 'deployment.json')
  const sealingKeys = join(dataDir, 'sealing-keys.json')
  await writeFile(deploymentFile, JSON.stringify(bench.deployment))
  await writeFile(sealingKeys, JSON.stringify({ 1: bench.registered.sealingKey.privateKey }), { mode: 0o600 })
  return {
    ...bareEnv(),
    DECLOUD_RPC_URLS: bench.anvil.rpcUrl,
    DECLOUD_DEPLOYMENT: deploymentFile,
    DECLOUD_NODE: `${bench.registered.node}`,
    DECLOUD_DATA_DIR: dataDir,
    DECLOUD_HYPERVISOR: 'simulated',
    DECLOUD_API_PORT: '0',
    DECLOUD_AGENT_KEY: bytesToHex(bench.anvil.account(bench.registered.agent).getHdKey().privateKey!),
    DECLOUD_SEALING_KEYS: sealingKeys,
  }
}

export const startProcess = (env: Record<string, string>): AgentProcess => {
  const child = spawn(process.execPath, [AGENT], { stdio: ['ignore', 'ignore', 'pipe'], env })
  const exited = once(child, 'exit')
  const up = upAt(child)
  // Whoever kills it before it is up does not wait for it.
  up.catch(() => {})
  return {
    up,
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}

const upAt = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    const said: string[] = []
    const deadline = setTimeout(() => reject(new Error(`not up: ${said.join(' ')}`)), START_DEADLINE_MS)
    child.once('exit', () => {
      clearTimeout(deadline)
      reject(new Error(`ended before it was up: ${said.join(' ')}`))
    })
    createInterface({ input: child.stderr! }).on('line', (line) => {
      said.push(line)
      const url = /"url":"(http:[^"]+)".*"msg":"agent up"/.exec(line)?.[1]
      if (url === undefined) return
      clearTimeout(deadline)
      resolve(url)
    })
  })
