// An operator with a terminal, a folder of its own and a real chain with the real contracts.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hex, keccak256, parseAbi, toHex } from 'viem'
import { AGENT, OPERATOR, startLocal, TENANT } from '../../../chain/test/local.ts'
import { bareEnv } from '../../../test/world/bare-env.ts'
import { runLine } from '../../src/cli/line.ts'

const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
const ERC20 = parseAbi(['function balanceOf(address) view returns (uint256)'])

export type Ran = { code: number; out: string; err: string; json: Record<string, unknown> }
export type Bench = Awaited<ReturnType<typeof makeOperatorBench>>

export const makeOperatorBench = async () => {
  const local = await startLocal()
  const folder = await mkdtemp(join(tmpdir(), 'decloud-operator-'))
  const file = (name: string) => join(folder, name)
  const keyOf = (index: number) => toHex(local.anvil.account(index).getHdKey().privateKey!)
  await mkdir(file('data'))
  await writeFile(file('deployment.json'), JSON.stringify(local.deployment))
  await writeFile(file('password'), 'correct horse\n', { mode: 0o600 })
  const env: Record<string, string> = {
    ...bareEnv(),
    DECLOUD_NODE_CONFIG: file('node.json'),
    DECLOUD_OPERATOR_KEY: keyOf(OPERATOR),
  }
  const settings = {
    rpcUrls: [local.anvil.rpcUrl],
    deployment: file('deployment.json'),
    dataDir: file('data'),
  }
  await writeFile(file('node.json'), JSON.stringify(settings))

  /** A line in this process: what `decloud-node` does with it, but for the start of a process. */
  const run = async (args: readonly string[], extra: Record<string, string> = {}): Promise<Ran> => {
    let out = ''
    let err = ''
    const code = await runLine(args, {
      env: { ...env, ...extra },
      signal: new AbortController().signal,
      out: (text) => {
        out += text
      },
      err: (text) => {
        err += text
      },
    })
    const json = args.includes('--json') ? (JSON.parse(out) as Record<string, unknown>) : {}
    return { code, out, err, json }
  }
  /** A line in a process of its own, which a test may end. */
  const start = (args: readonly string[], extra: Record<string, string> = {}) => {
    const child = spawn(process.execPath, [CLI, ...args], { env: { ...env, ...extra } })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk) => {
      out += String(chunk)
    })
    child.stderr.on('data', (chunk) => {
      err += String(chunk)
    })
    const ended = once(child, 'exit').then(([code, signal]) => ({
      ...{ code: code as number | null, signal: signal as NodeJS.Signals | null },
      ...{ out, err },
    }))
    return { child, ended }
  }
  const { anvil, deployment } = local
  const address = anvil.account(OPERATOR).address
  const nonce = (of = address) => anvil.client.getTransactionCount({ address: of })
  const usdcOf = (of: Hex) =>
    anvil.client.readContract({ address: deployment.usdc, abi: ERC20, functionName: 'balanceOf', args: [of] })
  /** Opens a lease and starts its meter. */
  const lease = async (node: number, change: Parameters<typeof local.open>[2] = {}, agent = AGENT) => {
    await local.fund(TENANT, 1_000_000n)
    const leaseId = await local.open(TENANT, node, change)
    await local.escrow(agent, 'activate', [leaseId, keccak256(toHex('host key'))])
    return leaseId
  }
  return {
    ...{ local, anvil, deployment, folder, file, env, keyOf, run, start, address, nonce, usdcOf, lease },
    stop: async () => {
      await local.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What a registration by hand says when nothing was measured. */
export const CAPACITY = ['--point-units', '1200', '--memory', '65536', '--disk', '500']
