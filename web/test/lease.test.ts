import type { LeaseView } from '@decloud/protocol/lease-fold'
import type { LeaseStatusReport } from '@decloud/protocol/wire/node'
import { sha256 } from 'viem'
import { describe, expect, it } from 'vitest'
import { isDepleted, isLeastCharge, isRunningLow, runway, usedPercent } from '../src/features/lease/cost.ts'
import { type Machine, timeline } from '../src/features/lease/phases.ts'
import { sshAccess } from '../src/features/lease/ssh.ts'

const ID = `0x${'5a'.repeat(32)}` as const
const ACTIVE: LeaseView = {
  leaseId: ID,
  status: 'Active',
  tenant: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  terms: {} as LeaseView['terms'],
  manifest: '0x',
  requestedAtBlock: 7n,
  node: 1,
  pricePerHour: 36_000n,
  minCharge: 60,
  notice: 0,
  platformBps: 0,
  relay: 0,
  relayBps: 0,
  activateBy: 1_900,
  startedAt: 1_000,
  hostKeyFingerprint: null,
  deposited: 36_000n,
  settled: 0n,
  paidBefore: 0n,
  credited: 0,
  holdBack: 3_600,
  reclaimAt: 0,
  formerRelays: [],
  templateFee: null,
  renewal: { amount: 0n, budget: 0n, runway: 0 },
  endReason: 'None',
  endedAt: 0,
  due: 0n,
  refunded: 0n,
}
const ASSIGNED: LeaseView = { ...ACTIVE, status: 'Assigned', startedAt: 0 }
const UNKNOWN: Machine = { state: 'unknown', why: 'No answer.' }
const doing = (
  phase: LeaseStatusReport['vm']['phase'],
  reason: LeaseStatusReport['vm']['reason'] = null,
): Machine => ({
  state: 'known',
  report: {
    leaseId: ID,
    vm: { status: reason === null ? 'Provisioning' : 'Error', phase, reason, since: 1 },
    served: { reboot: 0, reinstall: 0, restore: 0 },
    readiness: [],
    ssh: null,
  },
})
const states = (view: LeaseView, machine: Machine, now = 1_200, depleted = false) =>
  timeline(view, machine, now, depleted).map((phase) => `${phase.id} ${phase.state}`)

describe('the timeline', () => {
  it('follows chain and agent together', () => {
    expect(states({ ...ASSIGNED, status: 'Requested' }, UNKNOWN)).toContain('assigned now')
    expect(states(ASSIGNED, doing('PreparingDisk'))).toContain('provisioning now')
    expect(states(ASSIGNED, doing('Booting'))).toEqual([
      'signed done',
      'assigned done',
      'provisioning done',
      'booting now',
      'ready todo',
      'ended todo',
    ])
    expect(states(ACTIVE, UNKNOWN)).toContain('ready done')
    expect(states(ACTIVE, UNKNOWN)).toContain('ended todo')
  })

  it('says why a machine stopped, and what to do about a missed deadline', () => {
    const failing = timeline(
      ASSIGNED,
      doing('PreparingDisk', { code: 'x', message: 'The base image is corrupt.' }),
      1_200,
      false,
    )
    expect(failing[2]).toMatchObject({ state: 'failed' })
    expect(failing[2]?.detail).toContain('The base image is corrupt.')
    expect(failing[2]?.detail).toContain('11 min 40 s left')
    const late = timeline(ASSIGNED, UNKNOWN, 1_901, false)
    expect(late[2]).toMatchObject({ state: 'failed' })
    expect(late[2]?.detail).toContain('Close the lease to take everything back')
  })

  it('leaves out what an unready lease never reached', () => {
    const expired = { ...ASSIGNED, status: 'Ended' as const, endReason: 'Expired' as const, endedAt: 1_950 }
    expect(states(expired, UNKNOWN)).toEqual([
      'signed done',
      'assigned done',
      'provisioning todo',
      'booting todo',
      'ready todo',
      'ended done',
    ])
  })

  it('says that a depleted lease waits for a top-up', () => {
    expect(timeline(ACTIVE, UNKNOWN, 9_999, true)[4]?.detail).toContain('Top up to resume')
  })
})

describe('the money of a lease', () => {
  it('runs out after what was paid for', () => {
    expect(runway(ACTIVE, 1_000)).toBe(3_600)
    expect(runway(ACTIVE, 9_999)).toBe(0)
    expect(isDepleted(ACTIVE, 4_599)).toBe(false)
    expect(isDepleted(ACTIVE, 4_600)).toBe(true)
    expect(runway(ASSIGNED, 1_000)).toBe(0)
    expect(usedPercent(ACTIVE, 1_900)).toBe(25)
  })

  it('warns in the second half of a short lease only', () => {
    expect(isRunningLow(ACTIVE, 1_100)).toBe(false)
    expect(isRunningLow(ACTIVE, 3_000)).toBe(true)
  })

  it('names the least charge where that is the bill', () => {
    const closed = {
      ...ACTIVE,
      status: 'Ended' as const,
      endReason: 'ClosedByTenant' as const,
      endedAt: 1_005,
      due: 600n,
    }
    expect(isLeastCharge(closed)).toBe(true)
    expect(isLeastCharge({ ...closed, endedAt: 1_100, due: 1_000n })).toBe(false)
  })
})

describe('the SSH line', () => {
  const blob = Buffer.concat([
    Buffer.from('0000000b7373682d6564323535313900000020', 'hex'),
    Buffer.alloc(32, 7),
  ])
  const fingerprint = sha256(blob)
  const ssh = {
    host: '127.0.0.1',
    port: 40_022,
    user: 'decloud',
    hostKeyFingerprint: fingerprint,
    hostKey: `ssh-ed25519 ${blob.toString('base64')} root@vm`,
  }

  it('pins the key whose digest is on chain', () => {
    expect(sshAccess(ID, ssh, fingerprint)).toMatchObject({
      state: 'pinned',
      line: `ssh -o HostKeyAlias=decloud-5a5a5a5a5a5a -o StrictHostKeyChecking=yes -o "KnownHostsCommand=/bin/echo decloud-5a5a5a5a5a5a ssh-ed25519 ${blob.toString('base64')}" -p 40022 decloud@127.0.0.1`,
    })
  })

  it('refuses another key, even when the agent vouches for it', () => {
    const other = `0x${'00'.repeat(32)}` as const
    expect(sshAccess(ID, { ...ssh, hostKeyFingerprint: other }, other).state).toBe('mismatch')
  })

  it.each([
    { host: '127.0.0.1; rm -rf ~' },
    { host: '-oProxyCommand=id' },
    { user: '$(id)' },
    { user: '-v' },
    { hostKey: 'ssh-ed25519 AAAA"; id; "' },
  ])('puts nothing into a shell line that has no place there: %j', (change) => {
    expect(sshAccess(ID, { ...ssh, ...change }, fingerprint).state).toBe('unusable')
  })
})
