// Commands that die between broadcast and receipt, and those that are broken off: given again they do nothing twice.
import { setTimeout as delay } from 'node:timers/promises'
import { leaseEscrowAbi, nodeRegistryAbi } from '@decloud/protocol'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TENANT } from '../../../chain/test/local.ts'
import { type Bench, CAPACITY, makeOperatorBench } from './operator-bench.ts'

const NODE = 1
const RECIPIENT: Hex = `0x${'6f'.repeat(20)}`
const PATIENCE_MS = 60_000

describe('a command that is ended half-way', { timeout: 180_000 }, () => {
  let bench: Bench
  let base: string[]
  beforeAll(async () => {
    bench = await makeOperatorBench()
    await bench.run(['init', '--operator-password-file', bench.file('password')])
    const agent = bench.anvil.account(3).address
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

  const client = () => bench.anvil.client
  const waiting = async () =>
    (await client().getTransactionCount({ address: bench.address, blockTag: 'pending' })) -
    (await bench.nonce())

  /** Resolves once the transaction of a line is with the chain, which does not mine it. */
  const broadcast = async (args: readonly string[]) => {
    await client().setAutomine(false)
    const line = bench.start(args)
    const end = Date.now() + PATIENCE_MS
    while ((await waiting()) === 0) {
      if (Date.now() > end || line.child.exitCode !== null)
        throw new Error(`not sent: ${(await line.ended).err}`)
      await delay(50)
    }
    return line
  }
  const kill = async (args: readonly string[]) => {
    const line = await broadcast(args)
    line.child.kill('SIGKILL')
    expect((await line.ended).signal).toBe('SIGKILL')
  }
  const mineOn = async () => {
    await client().setAutomine(true)
    await client().mine({ blocks: 1 })
  }
  const count = () =>
    client().readContract({
      ...{ address: bench.deployment.nodeRegistry, abi: nodeRegistryAbi, functionName: 'nodeCount' },
    })

  it('registers once, and finds its index, when the registration was mined meanwhile', async () => {
    await kill(base)
    await mineOn()
    expect(await count()).toBe(1)
    const nonce = await bench.nonce()
    const again = await bench.run(base)
    expect(again.code, again.err).toBe(0)
    expect(again.json).toMatchObject({ node: NODE, registered: false, file: bench.file('node.json') })
    expect([await bench.nonce(), await count()]).toEqual([nonce, 1])
  })

  it('waits for what an earlier command left under way, and takes no money twice', async () => {
    const leaseId = await bench.lease(NODE)
    await bench.anvil.moveTime(900)
    await bench.local.escrow(TENANT, 'settle', [[leaseId]])
    const earned = await client().readContract({
      ...{
        address: bench.deployment.leaseEscrow,
        abi: leaseEscrowAbi,
        functionName: 'earnedOf',
        args: [NODE],
      },
    })
    expect(earned).toBeGreaterThan(0n)
    const nonce = await bench.nonce()
    const line = ['withdraw', '--settled', '--to', RECIPIENT, '--yes', '--json']
    await kill(line)
    const again = bench.run(line)
    await delay(500)
    expect(await bench.nonce()).toBe(nonce)
    await mineOn()
    const ran = await again
    expect(ran.code, ran.err).toBe(0)
    expect(ran.err).toContain('An earlier transaction of the operator is under way')
    expect(ran.json).toMatchObject({ earned: '0', transactions: [] })
    expect(await bench.usdcOf(RECIPIENT)).toBe(earned)
    expect(await bench.nonce()).toBe(nonce + 1)
  })

  it('is carried on by its journal when the chain forgot the transaction', async () => {
    const line = ['price', 'set', '--price-point', '0.03', '--json']
    await kill(line)
    await client().request({ method: 'anvil_dropAllTransactions' as 'anvil_reset', params: [] as never })
    expect(await waiting()).toBe(0)
    await mineOn()
    const ran = await bench.run(line)
    expect(ran.code, ran.err).toBe(0)
    expect(ran.json).toMatchObject({ changed: false, prices: { point: '30000' } })
  })

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends at %s, and leaves nothing that is in the way',
    async (signal) => {
      const nonce = await bench.nonce()
      const price = signal === 'SIGINT' ? '0.04' : '0.05'
      const line = ['price', 'set', '--price-point', price, '--json']
      const { child, ended } = await broadcast(line)
      child.kill(signal)
      const { out, err } = await ended
      expect(JSON.parse(out)).toMatchObject({ error: { code: 'interrupted' } })
      expect(err).toContain('Give the same command again')
      await mineOn()
      expect((await bench.run(line)).json).toMatchObject({ changed: false })
      expect(await bench.nonce()).toBe(nonce + 1)
    },
  )

  it('lets one command at a time send with the key', async () => {
    const { child, ended } = await broadcast(['price', 'set', '--price-point', '0.06', '--json'])
    const second = await bench.run(['price', 'set', '--price-point', '0.07', '--json'])
    expect(second.json).toMatchObject({ error: { code: 'operator-busy' } })
    await mineOn()
    expect((await ended).code, String(child.pid)).toBe(0)
  })
})
