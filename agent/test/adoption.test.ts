// The agent as operators run it: a process of its own, killed without warning. The guest must not notice.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeLease } from '../../scripts/lib/tenant.ts'
import { reportOf, waitActive } from '../../scripts/lib/tenant-view.ts'
import { bareEnv } from '../../test/world/bare-env.ts'
import { SimulatedMachine } from '../src/hypervisor/fake/machine.ts'
import { type Bench, makeBench } from './helpers/node.ts'

const CLI = new URL('../src/cli/main.ts', import.meta.url).pathname

describe('the agent process', () => {
  let bench: Bench
  let env: Record<string, string>
  const children = new Set<ChildProcess>()

  beforeAll(async () => {
    bench = await makeBench()
    const deployment = join(bench.config.dataDir, 'deployment.json')
    const sealing = join(bench.config.dataDir, 'sealing.json')
    await writeFile(deployment, JSON.stringify(bench.deployment))
    await writeFile(sealing, JSON.stringify({ 1: bench.registered.sealingKey.privateKey }), { mode: 0o600 })
    const key = bench.anvil.account(bench.registered.agent).getHdKey().privateKey!
    env = {
      ...bareEnv(),
      DECLOUD_RPC_URLS: bench.anvil.rpcUrl,
      DECLOUD_DEPLOYMENT: deployment,
      DECLOUD_NODE: String(bench.registered.node),
      DECLOUD_AGENT_KEY: `0x${Buffer.from(key).toString('hex')}`,
      DECLOUD_SEALING_KEYS: sealing,
      DECLOUD_DATA_DIR: bench.config.dataDir,
      DECLOUD_HYPERVISOR: 'simulated',
      DECLOUD_API_PORT: '0',
    }
  })
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL')
    await bench?.close()
  })

  const launch = async () => {
    const child = spawn(process.execPath, [CLI, 'run', '--json'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    children.add(child)
    const log: string[] = []
    createInterface({ input: child.stderr! }).on('line', (line) => log.push(line))
    const lines = createInterface({ input: child.stdout! })
    const first = await Promise.race([
      once(lines, 'line', { signal: AbortSignal.timeout(20_000) }).then(([line]) => String(line)),
      once(child, 'exit').then(() => {
        throw new Error(`the agent ended: ${log.join('\n')}`)
      }),
    ])
    const { url } = JSON.parse(first) as { url: string }
    return { child, url, log }
  }

  /** What the guest itself would say, read from the machine behind the agent's back. */
  const guestOf = (leaseId: `0x${string}`) => {
    const machine = new SimulatedMachine({ file: join(bench.config.dataDir, 'simulated-machine.json') })
    const domain = machine.find(bench.instance, leaseId)
    return domain && { state: domain.state, boots: domain.boots, startedAt: domain.startedAt }
  }

  const reported = async (url: string, leaseId: Hex, done: (status: string) => boolean) => {
    const deadline = Date.now() + 20_000
    for (;;) {
      const report = await reportOf(bench.tenant, url, leaseId)
      if (report !== null && done(report.vm.status)) return report
      if (Date.now() > deadline) throw new Error(`still ${report?.vm.status}`)
      await delay(50)
    }
  }

  it('is killed with -9; the next one adopts the guest as it is, and a SIGTERM says what keeps running', async () => {
    const first = await launch()
    const leaseId = await bench.open()
    await waitActive(bench.tenant, leaseId, { endpoint: first.url })
    const before = await reported(first.url, leaseId, (status) => status === 'Running')
    const guest = guestOf(leaseId)
    expect(guest?.state).toBe('running')

    const killed = once(first.child, 'exit')
    first.child.kill('SIGKILL')
    await killed
    expect(guestOf(leaseId)).toEqual(guest)

    const second = await launch()
    const after = await reported(second.url, leaseId, (status) => status === 'Running')
    expect(after).toEqual(before)
    expect(guestOf(leaseId), 'same boot, never restarted').toEqual(guest)

    const ended = once(second.child, 'close')
    second.child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    expect(second.log.join('\n')).toContain('1 guest keeps running')
    expect(guestOf(leaseId)).toEqual(guest)

    const third = await launch()
    await closeLease(bench.tenant, leaseId)
    await reported(third.url, leaseId, (status) => status === 'Deleted')
    expect(guestOf(leaseId)).toBeUndefined()
    const over = once(third.child, 'exit')
    third.child.kill('SIGTERM')
    await over
  })

  it('ends with code 2 and a sentence when its data folder or port is taken', async () => {
    const first = await launch()
    const second = spawn(process.execPath, [CLI, 'run'], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    children.add(second)
    const said: string[] = []
    createInterface({ input: second.stderr! }).on('line', (line) => said.push(line))
    expect(await once(second, 'close')).toEqual([2, null])
    expect(said.join(' ')).toContain('Another agent works in')
    const over = once(first.child, 'exit')
    first.child.kill('SIGTERM')
    await over

    const port = new URL(bench.anvil.rpcUrl).port
    const third = spawn(process.execPath, [CLI, 'run'], {
      env: { ...env, DECLOUD_API_PORT: port, DECLOUD_LOG_LEVEL: 'silent' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    children.add(third)
    const heard: string[] = []
    createInterface({ input: third.stderr! }).on('line', (line) => heard.push(line))
    expect(await once(third, 'close')).toEqual([2, null])
    expect(heard.join(' ')).toContain(`Port ${port} on 127.0.0.1 is taken`)
  })
})
