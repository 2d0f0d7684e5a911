// A whole run through the command line, at the most talkative level, with failures: nothing that it leaves behind holds
// a secret, and every line about a lease says which and at what step.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { saveKey } from '@decloud/chain'
import { toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bareEnv } from '../../../test/world/bare-env.ts'
import { type Bench, chainStatus, MANIFEST, makeBench } from '../helpers/node.ts'
import { makeRpcSwitch, type RpcSwitch } from '../helpers/rpc-switch.ts'

const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
const RPC_KEY = 'k3y-of-an-rpc-provider-77'
const PASSWORD = 'correct-horse-battery'
const HASH = `$6$saltsaltsalt$${'Qw.eRtY/'.repeat(11).slice(0, 86)}`
const VARIABLE = 'a-variable-that-is-nobody-elses'

describe('what a run leaves behind', { timeout: 180_000 }, () => {
  let bench: Bench
  let rpc: RpcSwitch
  let folder: string
  let child: ChildProcess | null = null
  const said: Buffer[] = []
  beforeAll(async () => {
    bench = await makeBench()
    rpc = await makeRpcSwitch(bench.anvil.rpcUrl)
    folder = await mkdtemp(join(tmpdir(), 'decloud-logs-'))
  }, 60_000)
  afterAll(async () => {
    child?.kill('SIGKILL')
    await rpc?.close()
    await bench?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const file = (name: string) => join(folder, name)
  const agentKey = () => toHex(bench.anvil.account(bench.registered.agent).getHdKey().privateKey!)
  const begin = async () => {
    await writeFile(file('deployment.json'), JSON.stringify(bench.deployment))
    await writeFile(file('password'), `${PASSWORD}\n`, { mode: 0o600 })
    await saveKey(file('agent.json'), agentKey(), PASSWORD, 1 << 12)
    const sealing = JSON.stringify({ 1: bench.registered.sealingKey.privateKey })
    await writeFile(file('sealing.json'), sealing, { mode: 0o600 })
    const env = {
      ...bareEnv(),
      DECLOUD_RPC_URLS: `${rpc.url}/v2/${RPC_KEY}`,
      DECLOUD_DEPLOYMENT: file('deployment.json'),
      DECLOUD_NODE: `${bench.registered.node}`,
      DECLOUD_DATA_DIR: file('data'),
      DECLOUD_AGENT_KEYSTORE: file('agent.json'),
      DECLOUD_AGENT_PASSWORD_FILE: file('password'),
      DECLOUD_SEALING_KEYS: file('sealing.json'),
      DECLOUD_HYPERVISOR: 'simulated',
      DECLOUD_API_PORT: '0',
      DECLOUD_LOG_LEVEL: 'trace',
      DECLOUD_LOG_FILE: file('agent.log'),
    }
    child = spawn(process.execPath, [CLI, 'run', '--json'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (part: Buffer) => said.push(part))
    return child
  }

  it('holds no key, password, hash, variable or token, in the log, the events or the output', async () => {
    const agent = await begin()
    const manifest = { ...MANIFEST, passwordHash: HASH, variables: { SECRET: VARIABLE } }
    const leaseId = await bench.open({ manifest })
    await vi.waitFor(async () => expect(await chainStatus(bench, leaseId)).toBe('Active'), {
      ...{ timeout: 60_000, interval: 250 },
    })
    rpc.cut()
    await rpc.refusals(8)
    rpc.restore()
    agent.kill('SIGTERM')
    await once(agent, 'exit')
    const names = (await readdir(file('data'))).filter((name) => name.startsWith('events.db'))
    const texts = await Promise.all(
      [file('agent.log'), ...names.map((name) => file(`data/${name}`))].map((path) =>
        readFile(path, 'latin1'),
      ),
    )
    const token = await readFile(file('data/operator-token'), 'utf8').catch(() => null)
    const secrets = [
      ...[agentKey().slice(2), bench.registered.sealingKey.privateKey.slice(2), PASSWORD, RPC_KEY],
      ...[HASH, VARIABLE, ...(token === null ? [] : [token.trim()])],
    ]
    const all = [...texts, Buffer.concat(said).toString()].join('\n')
    expect(all.length).toBeGreaterThan(1_000)
    for (const secret of secrets) expect(all.includes(secret), secret.slice(0, 12)).toBe(false)

    const lines = texts[0]!
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const moves = lines.filter(({ msg }) => String(msg).startsWith('VM '))
    expect(moves.length).toBeGreaterThan(0)
    for (const line of moves) expect(line).toMatchObject({ leaseId, step: 'Move' })
    const levels = new Set(lines.map(({ level }) => level))
    expect([...levels]).toEqual(expect.arrayContaining([30, 40]))
  })
})
