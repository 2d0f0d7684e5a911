// Downtime is given back by an agent that was let do it: every command that an operator looks at says so at its moment.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AGENT } from '../../../chain/test/local.ts'
import { checkEntrusted } from '../../src/doctor/entrusted.ts'
import { makeSubject } from '../../src/doctor/subject.ts'
import { type Bench, CAPACITY, makeOperatorBench } from './operator-bench.ts'

const NODE = 1

describe('an agent that was not entrusted with downtime', () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await makeOperatorBench()
  })
  afterAll(() => bench?.stop())

  const status = async () => {
    const { json } = await bench.run(['status', '--json'])
    const { out } = await bench.run(['status'])
    return { entrusted: (json['chain'] as { entrusted: boolean | null }).entrusted, out }
  }
  const doctor = async () => {
    const [finding] = await checkEntrusted(makeSubject({ env: bench.env }, new AbortController().signal))
    return finding!
  }

  it('is spoken of when its node is made, registered, and has had no lease', async () => {
    const made = await bench.run(['init', '--operator-password-file', bench.file('password')])
    expect(made.out).toContain('decloud-node entrust')
    const agent = bench.anvil.account(AGENT).address
    const args = ['register', '--agent', agent, '--machine-id', 'm1', '--without-probe', '--yes', ...CAPACITY]
    const registered = await bench.run(args)
    expect(registered.code, registered.err).toBe(0)
    expect(registered.out).toContain('After its first lease give `decloud-node entrust` once')
    expect(await status()).toMatchObject({
      entrusted: null,
      out: expect.stringContaining('After its first lease give `decloud-node entrust` once'),
    })
    expect(await doctor()).toMatchObject({ level: 'ok', found: expect.stringContaining('no lease yet') })
  })

  it('is warned of from the first lease on, until the payee lets it', async () => {
    await bench.lease(NODE)
    const sentence = expect.stringContaining('the agent may not credit downtime or reclaim')
    expect(await status()).toMatchObject({ entrusted: false, out: sentence })
    expect(await doctor()).toMatchObject({
      ...{ level: 'warn', code: 'not-entrusted' },
      todo: `\`decloud-node entrust\`, signed by ${bench.address}.`,
    })
    expect(await bench.run(['entrust'])).toMatchObject({ code: 0 })
    const after = await status()
    expect(after.entrusted).toBe(true)
    expect(after.out).not.toContain('entrust')
    expect(await doctor()).toMatchObject({ level: 'ok', found: 'the agent may credit it' })
    expect(await bench.run(['entrust', '--back'])).toMatchObject({ code: 0 })
    expect(await status()).toMatchObject({ entrusted: false, out: sentence })
  })
})
