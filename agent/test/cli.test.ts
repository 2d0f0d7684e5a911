// Keys, and the tenant's command line, through their real entry points. The operator's: cli/.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeRegistryAbi } from '@decloud/protocol'
import { toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bareEnv } from '../../test/world/bare-env.ts'
import { ROLES } from '../../test/world/market.ts'
import { type Bench, makeBench, until } from './helpers/node.ts'

const NODE_CLI = new URL('../src/cli/main.ts', import.meta.url).pathname
const LEASE_CLI = new URL('../../scripts/lease.ts', import.meta.url).pathname

type Ran = { code: number; stdout: string; stderr: string }

describe('the command lines', () => {
  let bench: Bench
  let env: Record<string, string>
  const file = (name: string) => join(bench.config.dataDir, name)
  const keyOf = (index: number) => toHex(bench.anvil.account(index).getHdKey().privateKey!)

  beforeAll(async () => {
    bench = await makeBench()
    await writeFile(file('deployment.json'), JSON.stringify(bench.deployment))
    await writeFile(file('password'), 'correct horse\n', { mode: 0o600 })
    await writeFile(
      file('id.pub'),
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDCrFn2oZjmbMZ2CEdZHGVZIX1V2r7pP3NJIJg9HjGq3 me@host\n',
    )
    env = {
      ...bareEnv(),
      DECLOUD_RPC_URLS: bench.anvil.rpcUrl,
      DECLOUD_DEPLOYMENT: file('deployment.json'),
    }
  })
  afterAll(() => bench?.close())

  const run = (script: string, args: string[], extra: Record<string, string> = {}) =>
    new Promise<Ran>((resolve) => {
      const options = { env: { ...env, ...extra }, timeout: 100_000 }
      execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) =>
        // One that was killed has no code: Number(null) would be that of success.
        resolve({ code: error === null ? 0 : Number(error.code ?? Number.NaN), stdout, stderr }),
      )
    })

  it('makes keys that only their owner may read, and never overwrites them', async () => {
    const args = ['keys', 'create', '--dir', file('keys'), '--password-file', file('password'), '--json']
    const made = await run(NODE_CLI, args)
    expect(made).toMatchObject({ code: 0, stderr: '' })
    const { keystore, sealingKeys } = JSON.parse(made.stdout) as Record<string, string>
    for (const path of [keystore!, sealingKeys!]) expect((await stat(path)).mode & 0o777).toBe(0o600)
    const before = await readFile(sealingKeys!, 'utf8')
    expect((await run(NODE_CLI, args)).code).toBe(1)
    expect(await readFile(sealingKeys!, 'utf8')).toBe(before)
  })

  it('opens, shows and closes a lease', async () => {
    const agent = await bench.start()
    const tenant = { DECLOUD_KEY: keyOf(ROLES.tenant) }
    const opened = await run(
      LEASE_CLI,
      ['open', '--node', '1', '--ssh-key', file('id.pub'), '--memory', '512', '--json'],
      tenant,
    )
    expect(opened.code, opened.stderr).toBe(0)
    const { leaseId } = JSON.parse(opened.stdout) as { leaseId: `0x${string}` }
    await until(agent, leaseId, ({ status }) => status === 'Running')
    const shown = await run(LEASE_CLI, ['status', leaseId, '--json'], tenant)
    expect(JSON.parse(shown.stdout)).toMatchObject({ leaseId, status: 'Active' })
    const closed = await run(LEASE_CLI, ['close', leaseId, '--json'], tenant)
    expect(JSON.parse(closed.stdout)).toMatchObject({ leaseId, difference: '0' })
    await agent.close()
  })

  it('stops, starts, reboots, installs anew and restores, and closes by signature alone', async () => {
    const agent = await bench.start()
    const hash = await bench.anvil.wallet(ROLES.firstOperator).writeContract({
      ...{ address: bench.deployment.nodeRegistry, abi: nodeRegistryAbi },
      ...{ functionName: 'setEndpoint', args: [bench.registered.node, agent.url] },
    })
    await bench.anvil.client.waitForTransactionReceipt({ hash, timeout: 20_000 })
    const tenant = { DECLOUD_KEY: keyOf(ROLES.tenant) }
    const leaseId = await bench.open()
    await until(agent, leaseId, ({ status }) => status === 'Running')
    const does = async (...args: string[]) => {
      const ran = await run(LEASE_CLI, [args[0]!, leaseId, ...args.slice(1), '--json'], tenant)
      expect(ran.code, ran.stderr).toBe(0)
      return { ...JSON.parse(ran.stdout), stderr: ran.stderr }
    }
    const stopped = await does('stop')
    expect(stopped).toMatchObject({ leaseId, action: 'Stop', transaction: null })
    expect(stopped).toMatchObject({ report: { vm: { status: 'Stopped' } } })
    expect(stopped.stderr).toContain('stays reserved and billed')
    expect(await does('start', '--on-chain')).toMatchObject({
      transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      report: { vm: { status: 'Running' } },
    })
    for (const args of [['reboot'], ['reinstall', '--yes'], ['restore']]) {
      expect(await does(...args)).toMatchObject({ report: { vm: { status: 'Running' } } })
    }
    const strange = await run(LEASE_CLI, ['stop', leaseId], { DECLOUD_KEY: keyOf(ROLES.stranger) })
    expect(strange.code).toBe(1)
    expect(strange.stderr).toContain('as its tenant or where that is enough a Manager')
    const nothing = await run(LEASE_CLI, ['restore', leaseId, '--from', `0x${'ab'.repeat(32)}`], tenant)
    expect(nothing.code).toBe(1)
    expect(nothing.stderr).toContain('has not had the lease')
    await bench.anvil.client.setBalance({ address: bench.tenant.account.address, value: 0n })
    expect(await does('close', '--signed')).toMatchObject({ leaseId, difference: '0' })
    await agent.close()
  })

  it('tells whoever breaks it off that the lease stays open', async () => {
    await bench.anvil.client.setBalance({ address: bench.tenant.account.address, value: 10n ** 18n })
    const args = ['open', '--node', '1', '--ssh-key', file('id.pub'), '--memory', '512']
    const child = spawn(process.execPath, [LEASE_CLI, ...args], {
      env: { ...env, DECLOUD_KEY: keyOf(ROLES.tenant) },
    })
    let said = ''
    const late = setTimeout(() => child.kill('SIGKILL'), 60_000)
    child.stderr.on('data', (chunk) => {
      const before = said
      said += String(chunk)
      if (!before.includes('paid in') && said.includes('paid in')) child.kill('SIGINT')
    })
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    clearTimeout(late)
    expect({ code, signal }, said).toEqual({ code: null, signal: 'SIGINT' })
    const leaseId = /lease (0x[0-9a-f]{64})/.exec(said)?.[1] ?? ''
    expect(said).toContain('Broken off.')
    expect(said).toContain('`close')
    const closed = await run(LEASE_CLI, ['close', leaseId], { DECLOUD_KEY: keyOf(ROLES.tenant) })
    expect(closed.code, closed.stderr).toBe(0)
  })

  it('says of a lease that is not there that it is not, and of a key that it is none', async () => {
    const unknown = await run(LEASE_CLI, ['close', `0x${'12'.repeat(32)}`], {
      DECLOUD_KEY: keyOf(ROLES.tenant),
    })
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no lease 0x1212') })
    const keyless = await run(LEASE_CLI, ['list'], { DECLOUD_KEY: '0x12' })
    expect(keyless).toMatchObject({ code: 2, stderr: 'The private key is not 0x and 64 hex digits.\n' })
    const none = await run(LEASE_CLI, ['list'], { DECLOUD_KEY: keyOf(ROLES.guardian) })
    expect(none).toMatchObject({ code: 0, stderr: expect.stringContaining('has no lease that lives') })
  })

  it.each([
    [['reinstall', `0x${'12'.repeat(32)}`], /--yes/],
    [['stop', '0x12'], /64 hex digits/],
    [['stop', `0x${'12'.repeat(32)}`, '--from', `0x${'12'.repeat(32)}`], /--from goes with a restore/],
    [['open'], /--node/],
    [['open', '--node', '1'], /--ssh-key/],
    [['close', '0x12'], /64 hex digits/],
    [['sell'], /no command sell/],
    [['open', '--nod', '1'], /--nod/],
    [['open', '--node', '1', '--ssh-key', 'KEY', '--deposit', '1e3'], /--deposit takes USDC/],
    [['open', '--node', '1', '--ssh-key', 'KEY', '--deposit=-1'], /--deposit takes USDC/],
    [['open', '--node', '1', '--ssh-key', 'KEY', '--max-price', ''], /--max-price takes USDC/],
    [['open', '--node', '1', '--ssh-key', 'KEY', '--hours', '1e3'], /--hours takes a whole number/],
    [['open', '--node', '1', '--ssh-key', 'nowhere'], /nowhere cannot be read\. Check the path/],
    [['list', '--rpc', 'node.example:8545'], /--rpc takes http or https URLs/],
    [['list', '--rpc', ','], /JSON-RPC URL/],
    [['list', '--deployment', ''], /--deployment/],
    [['list', '--deployment', 'KEY'], /id\.pub is not a deployment file: it is not JSON\./],
    [['list', '--deployment', 'nowhere'], /nowhere cannot be read/],
  ])('says how it is used: %j', async (args, message) => {
    const line = args.map((word) => (word === 'KEY' ? file('id.pub') : word))
    const ran = await run(LEASE_CLI, line, { DECLOUD_KEY: keyOf(ROLES.tenant) })
    expect(ran.code, ran.stderr).toBe(2)
    expect(ran.stderr).toMatch(message)
    expect(ran.stderr).not.toMatch(/\n\s+at |opening a lease|AAAAC3/)
    const json = await run(LEASE_CLI, [...line, '--json'], { DECLOUD_KEY: keyOf(ROLES.tenant) })
    expect(JSON.parse(json.stdout)).toMatchObject({
      error: { code: expect.any(String), message: expect.any(String) },
    })
  })
})
