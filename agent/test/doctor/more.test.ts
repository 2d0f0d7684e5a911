// What else an operator runs into, each seeded on an otherwise healthy node.
import { chmod, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProbeFacts } from '@decloud/protocol/wire/facts'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { examine } from '../../src/doctor/examine.ts'
import { openFactsStore } from '../../src/state/node-facts-store.ts'
import { makePatient, operate, type Patient, promise, whyNot } from './patient.ts'

const PROBE: ProbeFacts = {
  ...{ takenAt: 0, outcome: 'passed', acceleration: 'tcg', kvm: 'not-tried' },
  ...{ image: 'tiny', imageSha256: null, secondsToReady: 4, message: 'it came up' },
}

const missing = whyNot()
if (missing !== null) {
  console.warn(`SKIPPED: the doctor on a whole node: ${missing}`)
  test.skip(`the doctor on a whole node: ${missing}`, () => {})
}

describe.skipIf(missing !== null)('the doctor also names', { timeout: 120_000 }, () => {
  let patient: Patient
  beforeAll(async () => {
    patient = await makePatient()
  }, 120_000)
  afterAll(() => patient?.close())

  const swapped = async (name: string, text: string, work: () => Promise<void>) => {
    const path = patient.file(name)
    await rename(path, `${path}.away`)
    await writeFile(path, text, { mode: 0o600 })
    try {
      await work()
    } finally {
      await rename(`${path}.away`, path)
    }
  }
  const levels = async (change: Parameters<Patient['diagnose']>[0] = {}) => {
    const { findings, fails } = await patient.diagnose(change)
    const warned = findings.filter(({ level }) => level === 'warn').map(({ code }) => code)
    return { findings, fails, warned }
  }

  it('a wrong password, and no more than that', () =>
    swapped('password', 'wrong horse', async () => {
      const { fails, findings } = await levels()
      expect(fails).toEqual(['password-wrong'])
      expect(JSON.stringify(findings)).not.toContain('wrong horse')
    }))

  it('keys that others may read', async () => {
    await chmod(patient.file('sealing.json'), 0o644)
    const { fails } = await levels()
    await chmod(patient.file('sealing.json'), 0o600)
    expect(fails).toEqual(['key-open'])
  })

  it('a deployment file that is none, with every other error of the configuration', () =>
    swapped('deployment.json', '{', async () => {
      const { fails, findings } = await levels({ env: { DECLOUD_API_PORT: 'x' } })
      expect(fails).toEqual(['config-invalid', 'config-invalid'])
      expect(findings.find(({ check }) => check === 'disk')?.level).toBe('unknown')
    }))

  it('a deployment whose contracts are not there', async () => {
    const deployment = { ...patient.bench.deployment, leaseEscrow: `0x${'11'.repeat(20)}` }
    await swapped('deployment.json', JSON.stringify(deployment), async () => {
      expect((await levels()).fails).toEqual(['contract-missing'])
    })
  })

  it('a node that nobody has registered, and one that is drained', async () => {
    expect((await levels({ env: { DECLOUD_NODE: '77' } })).fails).toEqual(['node-unregistered'])
    const { node, operator } = patient.bench.registered
    await operate(patient.bench, operator, { functionName: 'setActive', args: [node, false] })
    const { fails, warned } = await levels()
    await operate(patient.bench, operator, { functionName: 'setActive', args: [node, true] })
    expect(fails).toEqual([])
    expect(warned).toContain('node-drained')
  })

  it('more memory registered than there is', async () => {
    await promise(patient.bench, 1n << 30n)
    const { fails } = await levels()
    await promise(patient.bench)
    expect(fails).toEqual(['memory-short'])
  })

  it('a data folder that others may write', async () => {
    await chmod(patient.file('data'), 0o777)
    const { fails } = await levels()
    await chmod(patient.file('data'), 0o711)
    expect(fails).toEqual(['folder-open'])
  })

  it('a database that is damaged', async () => {
    await writeFile(join(patient.file('data'), 'agent.db'), 'no database'.repeat(500))
    const { fails } = await levels()
    await rename(join(patient.file('data'), 'agent.db'), patient.file('damaged.db'))
    expect(fails).toEqual(['database-damaged'])
  })

  it('one of two RPCs that is away as worth knowing, both as a fault', async () => {
    const { rpcUrl } = patient.bench.anvil
    const one = await levels({ env: { DECLOUD_RPC_URLS: `${rpcUrl},http://127.0.0.1:9` } })
    expect(one.fails).toEqual([])
    expect(one.warned).toContain('rpc-unreachable')
    const none = await levels({ env: { DECLOUD_RPC_URLS: 'http://127.0.0.1:9' } })
    expect(none.fails).toEqual(['rpc-unreachable'])
  })

  it('an agent that works on the folder and does not answer, and a keeper that is away', async () => {
    const lock = new Sqlite(join(patient.file('data'), 'agent.lock'))
    lock.pragma('locking_mode = EXCLUSIVE')
    lock.exec('BEGIN EXCLUSIVE')
    const { findings, fails, warned } = await levels({ env: { DECLOUD_KEEPERS: 'http://127.0.0.1:9' } })
    lock.close()
    expect(fails).toEqual([])
    const agent = findings.find(({ check }) => check === 'agent')
    expect(agent).toMatchObject({ level: 'unknown', code: 'agent-silent' })
    expect(agent?.found).toContain(`process ${process.pid}`)
    expect(warned).toContain('keeper-unreachable')
  })

  it('a probe that never was, is old, or found that no guest boots here', async () => {
    expect((await levels()).warned).toEqual(expect.arrayContaining(['probe-missing', 'benchmark-missing']))
    const facts = openFactsStore(patient.file('data'))
    const takenAt = Math.floor(Date.now() / 1_000) - 8 * 86_400
    const probe = { ...PROBE, takenAt }
    facts.probe.put(probe)
    expect((await levels()).warned).toContain('probe-stale')
    facts.probe.put({
      ...{ ...probe, takenAt: takenAt + 7 * 86_400, acceleration: null },
      ...{ outcome: 'failed', message: 'nothing came up' },
    })
    expect((await levels()).warned).toContain('probe-failed')
    facts.probe.put({ ...probe, takenAt: takenAt + 7 * 86_400 })
    const { findings } = await levels()
    expect(findings.find(({ check }) => check === 'probe')?.level).toBe('ok')
    facts.close()
  })

  it('nothing it had no time for: an examination that is broken off knows of nothing', async () => {
    const findings = await examine({ env: patient.env }, AbortSignal.abort())
    expect(findings.filter(({ level }) => level === 'fail')).toEqual([])
    expect(findings.filter(({ level }) => level === 'unknown').length).toBeGreaterThanOrEqual(10)
  })
})
