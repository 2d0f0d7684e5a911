// Every verb that asks the chain, against a chain that is away, another one, a node that is not there; and every verb that
// signs, with the key of another and with one that cannot pay. Nothing is sent in any case.
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Bench, makeOperatorBench } from './operator-bench.ts'

const NODE = 1
const STRANGER = 4
const READS = [['price', 'get'], ['profile', 'get'], ['earnings']]
const SIGNS = [
  ['price', 'set', '--price-point', '0.9'],
  ['profile', 'set', '--description', 'another'],
  ['drain'],
  ['entrust'],
  ['withdraw', '--yes'],
]
const named = (lines: readonly string[][]) => lines.map((line) => [line.join(' '), line] as const)

describe('a verb', () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await makeOperatorBench()
    await bench.local.register()
    // A lease makes the escrow know the payee; something is earned, so that there is something to refuse.
    await bench.lease(NODE)
    await bench.anvil.moveTime(700)
    await writeFile(bench.file('other.json'), JSON.stringify({ ...bench.deployment, chainId: 137 }))
  })
  afterAll(() => bench?.stop())

  const refused = async (args: readonly string[], env: Record<string, string> = {}) => {
    const stranger = bench.anvil.account(STRANGER).address
    const before = [await bench.nonce(), await bench.nonce(stranger)]
    const { code, json } = await bench.run([...args, '--node', String(NODE), '--json'], env)
    expect([await bench.nonce(), await bench.nonce(stranger)]).toEqual(before)
    const error = json['error'] as { code: string; message: string; hint: string }
    expect(`${error.message} ${error.hint}`).toMatch(/\w.*\./)
    return { exit: code, code: error.code }
  }

  it.each(named([...READS, ...SIGNS]))(
    'says that the chain is away, or another, or knows no such node: %s',
    async (_, line) => {
      const away = await refused([...line, '--rpc-urls', 'http://127.0.0.1:1'])
      expect(away).toEqual({ exit: 1, code: 'rpc-unreachable' })
      const other = await refused([...line, '--deployment', bench.file('other.json')])
      expect(other).toEqual({ exit: 2, code: 'chain-id-wrong' })
      const ran = await bench.run([...line, '--node', '99', '--json'])
      expect(ran).toMatchObject({ code: 1, json: { error: { code: 'node-unregistered' } } })
    },
  )

  it.each(named(SIGNS))('takes no other key, and none that cannot pay: %s', async (_, line) => {
    const strange = await refused(line, { DECLOUD_OPERATOR_KEY: bench.keyOf(STRANGER) })
    expect(strange.exit).toBe(1)
    expect(['simulation-reverted', 'not-payee']).toContain(strange.code)
    const { client } = bench.anvil
    const balance = await client.getBalance({ address: bench.address })
    await client.setBalance({ address: bench.address, value: 1n })
    expect(await refused(line)).toEqual({ exit: 1, code: 'gas-funds-short' })
    await client.setBalance({ address: bench.address, value: balance })
  })

  it.each(named(SIGNS))('wants to be told who signs: %s', async (_, line) => {
    expect(await refused(line, { DECLOUD_OPERATOR_KEY: '' })).toEqual({ exit: 2, code: 'usage' })
  })
})
