import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { issueCertificate } from '../../src/ssh/certificate.ts'
import { makeKeyPair } from '../../src/ssh/key-pair.ts'
import { authorityFile, makeKeyStore } from '../../src/ssh/key-store.ts'

const LEASE = `0x${'A1'.repeat(32)}` as const
const WALLET = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const NOW = Date.UTC(2026, 10, 21, 12, 0, 0)
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'decloud-certificates-'))
  await makeKeyStore(folder).ensure(LEASE)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const issue = (publicKey: string, nowMs = NOW) =>
  issueCertificate(authorityFile(folder, LEASE), folder, { leaseId: LEASE, wallet: WALLET, publicKey, nowMs })

/** As OpenSSH reads it: a line for each field, those of a list indented. */
const shownBy = async (certificate: string): Promise<string> => {
  const file = join(folder, 'shown-cert.pub')
  await writeFile(file, `${certificate}\n`)
  const text = execFileSync('ssh-keygen', ['-L', '-f', file], {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
  })
  await rm(file)
  return text
}

test('says who, which lease, for an hour, and permits a terminal and ports alone', async () => {
  const { publicKey } = makeKeyPair()
  const issued = await issue(`${publicKey} me@laptop`)
  expect(issued).toMatchObject({
    keyId: `wallet=${WALLET} lease=${LEASE.toLowerCase()}`,
    principals: [LEASE.toLowerCase()],
    validAfter: NOW / 1_000 - 60,
    validBefore: NOW / 1_000 + 3_600,
  })
  expect(issued.certificate).toMatch(/^ssh-ed25519-cert-v01@openssh\.com [A-Za-z0-9+/=]+$/)
  const shown = await shownBy(issued.certificate)
  const authority = (await makeKeyStore(folder).ensure(LEASE)).authority.publicKey
  await writeFile(join(folder, 'authority.pub'), `${authority}\n`)
  const fingerprint = execFileSync('ssh-keygen', ['-l', '-f', join(folder, 'authority.pub')], {
    encoding: 'utf8',
  }).split(' ')[1]
  expect(shown.split('\n').map((line) => line.trim())).toEqual([
    `${join(folder, 'shown-cert.pub')}:`,
    'Type: ssh-ed25519-cert-v01@openssh.com user certificate',
    expect.stringMatching(/^Public key: ED25519-CERT SHA256:/),
    `Signing CA: ED25519 ${fingerprint} (using ssh-ed25519)`,
    `Key ID: "${issued.keyId}"`,
    `Serial: ${issued.serial}`,
    'Valid: from 2026-11-21T11:59:00 to 2026-11-21T13:00:00',
    'Principals:',
    LEASE.toLowerCase(),
    'Critical Options: (none)',
    'Extensions:',
    'permit-port-forwarding',
    'permit-pty',
    '',
  ])
})

test('serial numbers differ, and grow with time', async () => {
  const { publicKey } = makeKeyPair()
  const serials = []
  for (const later of [0, 0, 1, 2]) serials.push(BigInt((await issue(publicKey, NOW + later)).serial))
  expect(new Set(serials).size).toBe(4)
  expect(serials[2]).toBeLessThan(serials[3]!)
  expect(serials[1]).toBeLessThan(serials[2]!)
})

describe('refused', () => {
  const offCurve = () => {
    const part = (bytes: Buffer) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      return Buffer.concat([length, bytes])
    }
    const point = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)])
    const parts = [Buffer.from('ecdsa-sha2-nistp256'), Buffer.from('nistp256'), point].map(part)
    return `ecdsa-sha2-nistp256 ${Buffer.concat(parts).toString('base64')}`
  }

  test.each([
    ['a point that is not on its curve', offCurve()],
    ['a certificate', 'ssh-ed25519-cert-v01@openssh.com AAAA'],
    ['options', `command="id" ${makeKeyPair().publicKey}`],
    ['nothing', ' '],
  ])('%s, with a sentence, and nothing left behind', async (_, publicKey) => {
    await expect(issue(publicKey)).rejects.toMatchObject({
      code: 'ssh-key-refused',
      message: expect.stringMatching(/^The key (is|begins) /),
    })
    expect(await readdir(folder)).toEqual([LEASE.slice(2).toLowerCase()])
  })

  test('an authority that is not there is no fault of the key', async () => {
    await makeKeyStore(folder).remove(LEASE)
    await expect(issue(makeKeyPair().publicKey)).rejects.toMatchObject({ code: 'ssh-signing' })
  })
})
