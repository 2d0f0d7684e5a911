// A node's agent as an operator runs it: a process of its own, which a test may kill.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { DecloudError, type Deployment } from '@decloud/protocol'
import { bytesToHex } from 'viem'
import type { Anvil } from './anvil.ts'
import { bareEnv } from './bare-env.ts'
import { type RegisteredNode, setEndpoint } from './market.ts'

const CLI = fileURLToPath(new URL('../../agent/src/cli/main.ts', import.meta.url))
const START_DEADLINE_MS = 60_000

export type AgentProcess = {
  pid: number
  /** Of the status API. */
  url: string
  /** `kill -9`: no handler runs. Resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>
}

export type AgentProcessOptions = {
  anvil: Anvil
  deployment: Deployment
  registered: RegisteredNode
  dataDir: string
  imageDir: string
  network: { name: string; subnet: string }
  /** Where its log goes, appended; dropped when absent. */
  logFile?: string
}

/** Starts `decloud-node run`, waits until it is up, and lets the registry know where its API is. */
export const startAgentProcess = async (options: AgentProcessOptions): Promise<AgentProcess> => {
  const child = spawn(process.execPath, [CLI, 'run'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...bareEnv(), ...(await environmentOf(options)) },
  })
  const url = await upAt(child, options.logFile)
  await setEndpoint(options.anvil, options.deployment, options.registered, url)
  const exited = once(child, 'exit')
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal)
    await exited
    return child.exitCode
  }
  return {
    pid: child.pid!,
    url,
    kill: async () => {
      await end('SIGKILL')
    },
    stop: () => end('SIGTERM'),
  }
}

const environmentOf = async ({
  anvil,
  deployment,
  registered,
  dataDir,
  imageDir,
  network,
}: AgentProcessOptions) => {
  const deploymentFile = join(dataDir, 'deployment.json')
  const sealingKeys = join(dataDir, 'sealing-keys.json')
  await writeFile(deploymentFile, JSON.stringify(deployment))
  await writeFile(sealingKeys, JSON.stringify({ 1: registered.sealingKey.privateKey }), { mode: 0o600 })
  return {
    DECLOUD_RPC_URLS: anvil.rpcUrl,
    DECLOUD_DEPLOYMENT: deploymentFile,
    DECLOUD_NODE: `${registered.node}`,
    DECLOUD_DATA_DIR: dataDir,
    DECLOUD_IMAGE_DIR: imageDir,
    DECLOUD_HYPERVISOR: 'libvirt',
    DECLOUD_NETWORK: network.name,
    DECLOUD_SUBNET: network.subnet,
    DECLOUD_API_PORT: '0',
    DECLOUD_AGENT_KEY: bytesToHex(anvil.account(registered.agent).getHdKey().privateKey!),
    DECLOUD_SEALING_KEYS: sealingKeys,
  }
}

/** The address in its line "agent up". @throws DecloudError `agent-start` with what it said instead. */
const upAt = (child: ChildProcess, logFile?: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const said: string[] = []
    const fail = (why: string) => {
      clearTimeout(deadline)
      child.kill('SIGKILL')
      reject(new DecloudError('agent-start', `The agent did not start: ${why}. ${said.slice(-5).join(' ')}`))
    }
    const deadline = setTimeout(() => fail(`not up after ${START_DEADLINE_MS / 1000} s`), START_DEADLINE_MS)
    const onExit = (code: number | null) => fail(`it ended with ${code}`)
    child.once('exit', onExit)
    createInterface({ input: child.stderr! }).on('line', (line) => {
      if (logFile !== undefined) appendFileSync(logFile, `${line}\n`)
      said.push(line)
      const url = /"url":"(http:[^"]+)".*"msg":"agent up"/.exec(line)?.[1]
      if (url === undefined) return
      clearTimeout(deadline)
      child.off('exit', onExit)
      resolve(url)
    })
  })
