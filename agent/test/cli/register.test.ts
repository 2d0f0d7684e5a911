// A machine becomes a node: what it may offer, what is refused before gas is spent, and that it is done once.
import { readFileSync, writeFileSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeRegistryAbi } from '@decloud/protocol'
import type { ProbeFacts } from '@decloud/protocol/wire/facts'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { AGENT, OPERATOR } from '../../../chain/test/local.ts'
import { machineIdOf } from '../../src/cli/operator/identity.ts'
import { openFactsStore } from '../../src/state/node-facts-store.ts'
import { type Bench, CAPACITY, makeOperatorBench } from './operator-bench.ts'

const STRANGER = 50
const hash = z.string().regex(/^0x[0-9a-f]{64}$/)
const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/)
const registeredSchema = z.strictObject({
  node: z.int().positive(),
  nodeId: hash,
  registered: z.boolean(),
  file: z.string().nullable(),
  transactions: z.array(z.strictObject({ kind: z.literal('register'), transaction: hash })).optional(),
})
const unsignedSchema = z.strictObject({
  nodeId: hash,
  unsigned: z
    .array(
      z.strictObject({
        ...{
          kind: z.literal('register'),
          does: z.string(),
          chainId: z.literal(31_337),
          from: address,
          to: address,
        },
        ...{ value: z.literal('0'), data: z.string().regex(/^0x[0-9a-f]+$/), gas: z.string().regex(/^\d+$/) },
      }),
    )
    .length(1),
})

describe('register', () => {
  let bench: Bench
  let base: string[]
  beforeAll(async () => {
    bench = await makeOperatorBench()
    const password = bench.file('password')
    const made = await bench.run(['init', '--operator-password-file', password, '--json'])
    expect(made.code, made.err).toBe(0)
    const agent = bench.anvil.account(AGENT).address
    base = [
      'register',
      '--agent',
      agent,
      '--machine-id',
      'm1',
      '--without-probe',
      '--yes',
      '--json',
      ...CAPACITY,
    ]
  })
  afterAll(() => bench?.stop())
  const registry = () => ({ address: bench.deployment.nodeRegistry, abi: nodeRegistryAbi }) as const
  const count = () => bench.anvil.client.readContract({ ...registry(), functionName: 'nodeCount' })

  const refused = async (args: readonly string[], env: Record<string, string> = {}) => {
    const before = [await bench.nonce(), await count()]
    const ran = await bench.run(args, env)
    expect([await bench.nonce(), await count()]).toEqual(before)
    const { code, message, hint } = ran.json['error'] as Record<string, string>
    return { exit: ran.code, code, sentence: `${message} ${hint}` }
  }

  it('names every price under its floor before anything is sent', async () => {
    const low = await refused([...base, '--price-memory', '0.0001', '--price-gpu', '0.04'])
    expect(low).toMatchObject({ exit: 1, code: 'price-below-floor' })
    expect(low.sentence).toContain('0.0001 USDC an hour for a GiB of memory is below the floor of 0.0025')
    expect(low.sentence).toContain('0.04 USDC an hour for a GPU is below the floor of 0.05')
    expect(low.sentence).not.toContain('compute point')
    expect((await refused(base, { DECLOUD_PRICE_POINT: '0.004' })).sentence).toContain('floor of 0.005')
    expect((await refused([...base, '--price-point', 'cheap'])).sentence).toMatch(
      /price\.point.*amount of USDC/,
    )
  })

  it('wants to be told, or to have measured, what there is; and never offers more than was measured', async () => {
    const bare = base.filter((word) => !CAPACITY.includes(word))
    expect(await refused(bare)).toMatchObject({ exit: 2, sentence: expect.stringContaining('benchmark') })
    const dataDir = bench.file('measured')
    const store = openFactsStore(dataDir)
    const taken = { takenAt: Math.floor(Date.now() / 1_000), runs: 5, steady: true }
    store.benchmark.put({
      ...{ ...taken, baseline: 'test', eventsPerSecond: 1_000, pointUnits: { value: 96 } },
      ...{ allThreads: { value: 1 }, memoryMiBPerSecond: { value: 1 }, diskMiBPerSecond: { value: 1 } },
      diskSyncMs: { value: 1 },
    })
    store.close()
    const over = await refused([...bare, '--data-dir', dataDir, '--point-units', '97'])
    expect(over).toMatchObject({ exit: 1, code: 'over-measured' })
    expect(over.sentence).toContain('more than the 96')
    const gpus = await refused([...base, '--gpus', '1'])
    expect(gpus.sentence).toContain('--gpus takes a whole number from 0 to 0')
  })

  it('does not register what never booted a guest, nor what did long ago', async () => {
    const args = base.filter((word) => word !== '--without-probe')
    expect(await refused(args)).toMatchObject({ code: 'probe-missing' })
    const probe = (change: Partial<ProbeFacts>) => {
      const store = openFactsStore(bench.file('data'))
      store.probe.put({
        ...{ takenAt: Math.floor(Date.now() / 1_000), outcome: 'simulated', acceleration: null },
        ...{
          kvm: 'not-tried',
          image: 'tiny',
          imageSha256: null,
          secondsToReady: 1,
          message: 'as a test says',
        },
        ...change,
      })
      store.close()
    }
    probe({ takenAt: Math.floor(Date.now() / 1_000) - 8 * 86_400 })
    expect(await refused(args)).toMatchObject({ code: 'probe-stale' })
    probe({ outcome: 'failed' })
    expect(await refused(args)).toMatchObject({ code: 'probe-failed' })
  })

  it('takes no name of a machine that other machines have too', async () => {
    for (const name of ['', '  ']) {
      const said = await refused([...base, '--machine-id', name])
      expect(said).toMatchObject({ exit: 2, sentence: expect.stringContaining('--machine-id takes') })
    }
    const id = (text: string) => {
      writeFileSync(bench.file('machine-id'), text)
      return machineIdOf(undefined, bench.file('machine-id'))
    }
    expect(id(`${'0a'.repeat(16)}\n`)).toMatch(/^0x[0-9a-f]{64}$/)
    for (const text of ['', '\n', 'uninitialized\n', '0'.repeat(32)]) {
      expect(() => id(text), text).toThrow(expect.objectContaining({ code: 'machine-id-missing' }))
    }
  })

  it('asks before it acts, and says how to answer where nobody can', async () => {
    const args = base.filter((word) => word !== '--yes')
    expect(await refused(args)).toMatchObject({ exit: 2, sentence: expect.stringContaining('--yes') })
  })

  it('tells of a wrong chain, of an RPC that is away, of a key without gas and of a taken agent key', async () => {
    const other = { ...bench.deployment, chainId: 137 }
    await writeFile(bench.file('other.json'), JSON.stringify(other))
    expect(await refused([...base, '--deployment', bench.file('other.json')])).toMatchObject({
      ...{ exit: 2, code: 'chain-id-wrong' },
      sentence: expect.stringContaining('serves chain 31337, the deployment is on chain 137'),
    })
    expect(await refused([...base, '--rpc-urls', 'http://127.0.0.1:1'])).toMatchObject({
      ...{ exit: 1, code: 'rpc-unreachable' },
    })
    const poor = bench.anvil.account(STRANGER).address
    await bench.anvil.client.setBalance({ address: poor, value: 1n })
    expect(await refused(base, { DECLOUD_OPERATOR_KEY: bench.keyOf(STRANGER) })).toMatchObject({
      ...{ exit: 1, code: 'gas-funds-short', sentence: expect.stringContaining(`Send at least`) },
    })
    await bench.anvil.client.setBalance({ address: poor, value: 0n })
    const penniless = await refused(base, { DECLOUD_OPERATOR_KEY: bench.keyOf(STRANGER) })
    expect(penniless.sentence).toMatch(/has 0 native coin\. Send at least 0\.\d+ native coin to it\.$/)
    const own = bench.anvil.account(OPERATOR).address
    const same = await refused([...base, '--agent', own])
    expect(same.sentence).toContain('its agent')
  })

  it('opens the keystore of the cold key with its password file, and with no other', async () => {
    const { operator } = (await bench.run(['init', '--json'])).json as { operator: { address: Hex } }
    const env = { DECLOUD_OPERATOR_KEY: '', DECLOUD_OPERATOR_PASSWORD_FILE: bench.file('password') }
    const poor = await refused(base, env)
    expect(poor).toMatchObject({
      code: 'gas-funds-short',
      sentence: expect.stringContaining(operator.address),
    })
    await writeFile(bench.file('wrong'), 'battery staple\n', { mode: 0o600 })
    const wrong = { ...env, DECLOUD_OPERATOR_PASSWORD_FILE: bench.file('wrong') }
    expect(await refused(base, wrong)).toMatchObject({ exit: 2, code: 'keystore-password-wrong' })
    // Of what is signed elsewhere only the address is needed, which the keystore names without a password.
    const tried = await bench.run([...base, '--unsigned'], { DECLOUD_OPERATOR_KEY: '' })
    expect(unsignedSchema.parse(tried.json).unsigned[0]?.from).toBe(operator.address)
    const none = await refused(base, { DECLOUD_OPERATOR_KEY: '' })
    expect(none).toMatchObject({ exit: 2, sentence: expect.stringContaining('--operator-password-file') })
  })

  it('registers once, writes the index down, and knows the machine again', async () => {
    const done = await bench.run([
      ...base,
      '--price-point',
      '0.02',
      '--region',
      'eu-west',
      '--notice',
      '3600',
    ])
    expect(done.code, done.err).toBe(0)
    const result = registeredSchema.parse(done.json)
    expect(result).toMatchObject({ node: 1, registered: true, file: bench.file('node.json') })
    const written = () => JSON.parse(readFileSync(bench.file('node.json'), 'utf8'))
    expect(written()).toMatchObject({ node: 1, rpcUrls: [bench.anvil.rpcUrl] })
    const at = { ...registry(), args: [1] } as const
    const { client } = bench.anvil
    expect(await client.readContract({ ...at, functionName: 'nodeIdOf' })).toBe(result.nodeId)
    expect(await client.readContract({ ...at, functionName: 'offer' })).toMatchObject({
      ...{ operator: bench.address, agent: bench.anvil.account(AGENT).address, active: true, notice: 3_600 },
      // What was not named is what the platform asks.
      prices: { point: 20_000n, memoryGiB: 5_000n, diskGiB: 100n, gpu: 100_000n },
      capacity: { pointUnits: 1_200n, memoryMiB: 65_536n, diskGiB: 500n, gpus: 0 },
    })
    // A machine that lost its notes.
    const file = written()
    await writeFile(bench.file('node.json'), JSON.stringify({ ...file, node: undefined }))
    const before = await bench.nonce()
    const again = await bench.run(base)
    expect(registeredSchema.parse(again.json)).toMatchObject({
      node: 1,
      registered: false,
      nodeId: result.nodeId,
    })
    expect(again.code).toBe(0)
    expect(written()).toMatchObject({ node: 1 })
    expect(await bench.nonce()).toBe(before)
  })

  it('offers less, or again all that was measured, and sends that only once', async () => {
    const node = (await bench.run([...base, '--json'])).json['node'] as number
    const capacity = async () => {
      const { capacity } = await bench.anvil.client.readContract({
        ...{ address: bench.deployment.nodeRegistry, abi: nodeRegistryAbi },
        ...{ functionName: 'offer', args: [node] },
      })
      return capacity
    }
    const line = ['capacity', 'set', '--node', String(node), '--memory', '2048', '--disk', '40', '--json']
    const set = await bench.run([...line, '--point-units', '24'])
    expect(set, set.err).toMatchObject({
      ...{ code: 0, json: { changed: true, capacity: { pointUnits: '24', memoryMiB: '2048' } } },
    })
    expect(await capacity()).toMatchObject({ pointUnits: 24n, memoryMiB: 2_048n, diskGiB: 40n, gpus: 0 })
    const nonce = await bench.nonce()
    expect((await bench.run([...line, '--point-units', '24'])).json).toMatchObject({ changed: false })
    expect(await bench.nonce()).toBe(nonce)
    const data = ['--data-dir', bench.file('measured')]
    const over = await refused([...line, ...data, '--point-units', '97'])
    expect(over).toMatchObject({ exit: 1, code: 'over-measured' })
    const all = await bench.run([...line, ...data])
    expect(all, all.err).toMatchObject({ code: 0, json: { capacity: { pointUnits: '96' } } })
    for (const bad of ['-1', '1e3', '', '0']) {
      expect(await refused([...line, '--point-units', bad])).toMatchObject({ exit: 2 })
    }
  })

  it('gives the transaction for signing elsewhere, tried, and finds its node when that is done', async () => {
    const cold = bench.anvil.account(OPERATOR + 3).address
    await rm(join(bench.folder, 'node.json'))
    const settings = {
      rpcUrls: [bench.anvil.rpcUrl],
      deployment: bench.deployment,
      dataDir: bench.file('data'),
    }
    await writeFile(bench.file('node.json'), JSON.stringify(settings))
    const sealing = bench.file('credentials/sealing-keys')
    const agent = bench.anvil.account(AGENT + 90).address
    const args = [
      'register',
      '--agent',
      agent,
      '--machine-id',
      'm2',
      '--without-probe',
      '--json',
      ...CAPACITY,
    ]
    const line = [...args, '--sealing-keys', sealing, '--operator-address', cold]
    const env = { DECLOUD_OPERATOR_KEY: '' }
    expect(await refused(line, env)).toMatchObject({
      exit: 2,
      sentence: expect.stringContaining('--unsigned'),
    })
    const low = await refused([...line, '--unsigned', '--price-disk', '0.00001'], env)
    expect(low).toMatchObject({ code: 'price-below-floor' })
    const ran = await bench.run([...line, '--unsigned'], env)
    expect(ran.code, ran.err).toBe(0)
    const { unsigned } = unsignedSchema.parse(ran.json)
    const { to, data, from } = unsigned[0]!
    expect(from).toBe(cold)
    const tx = await bench.anvil.wallet(OPERATOR + 3).sendTransaction({ to: to as Hex, data: data as Hex })
    await bench.anvil.client.waitForTransactionReceipt({ hash: tx, timeout: 20_000 })
    const found = await bench.run([...line, '--unsigned'], env)
    expect(registeredSchema.parse(found.json)).toMatchObject({ node: 2, registered: false })
    expect(JSON.parse(await readFile(bench.file('node.json'), 'utf8'))).toMatchObject({ node: 2 })
  })
})
