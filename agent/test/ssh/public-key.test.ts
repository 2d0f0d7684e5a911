import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeKeyPair } from '../../src/ssh/key-pair.ts'
import { readPublicKey } from '../../src/ssh/public-key.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'decloud-keys-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const make = (type: string, bits: number): string => {
  const file = join(folder, `${type}-${bits}`)
  execFileSync('ssh-keygen', ['-q', '-t', type, '-b', String(bits), '-N', '', '-C', 'me@host', '-f', file])
  return readFileSync(`${file}.pub`, 'utf8')
}
const problemOf = (line: string) => {
  const read = readPublicKey(line)
  return 'problem' in read ? read.problem : null
}
const blob = (...parts: (Buffer | string)[]) =>
  Buffer.concat(
    parts.flatMap((part) => {
      const bytes = Buffer.from(part)
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      return [length, bytes]
    }),
  ).toString('base64')

describe('taken, as ssh-keygen prints them, without their comment', () => {
  test.each([
    ['ed25519', 256],
    ['ecdsa', 256],
    ['ecdsa', 384],
    ['ecdsa', 521],
    ['rsa', 2_048],
  ])('%s, %i bits', (type, bits) => {
    const line = make(type, bits)
    const read = readPublicKey(line)
    expect('key' in read && `${read.key.type} ${read.key.blob}`).toBe(line.split(' ').slice(0, 2).join(' '))
  })

  test('keys on hardware tokens', () => {
    const point = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 7)])
    const ed = blob('sk-ssh-ed25519@openssh.com', Buffer.alloc(32, 9), 'ssh:')
    const ec = blob('sk-ecdsa-sha2-nistp256@openssh.com', 'nistp256', point, 'ssh:')
    expect(problemOf(`sk-ssh-ed25519@openssh.com ${ed}`)).toBeNull()
    expect(problemOf(`sk-ecdsa-sha2-nistp256@openssh.com ${ec}`)).toBeNull()
  })
})

describe('refused, and why', () => {
  const key = makeKeyPair()
  const flat = `ssh-ed25519 ${blob('ssh-ed25519', Buffer.alloc(31))}`

  test('weak RSA', () => {
    expect(problemOf(make('rsa', 1_024))).toMatch(/1024 bits, too weak.*at least 2048/)
  })

  test.each([
    ['', /missing/],
    [key.privateKey, /private one/],
    [`${key.publicKey}\nssh-ed25519 AAAA`, /more than one line/],
    [`command="id" ${key.publicKey}`, /options in front/],
    [`restrict ${key.publicKey}`, /options in front/],
    ['ssh-dss AAAAB3NzaC1kc3M=', /DSA/],
    ['ssh-ed25519-cert-v01@openssh.com AAAA', /certificate/],
    ['constructor AAAA', /not one OpenSSH public key/],
    ['ssh-ed25519', /damaged/],
    [`ssh-rsa ${key.publicKey.split(' ')[1]}`, /damaged/],
    [flat, /damaged/],
    [`ssh-ed25519 ${blob('ssh-ed25519', Buffer.alloc(32), 'more')}`, /damaged/],
    [`ssh-rsa ${blob('ssh-rsa', Buffer.from([1, 0, 1]), Buffer.alloc(256))}`, /damaged/],
    [`ecdsa-sha2-nistp256 ${blob('ecdsa-sha2-nistp256', 'nistp384', Buffer.alloc(65, 4))}`, /damaged/],
    [`ssh-ed25519 ${'A'.repeat(5_000)}`, /longer/],
    [`${key.publicKey.slice(0, -3)}`, /damaged/],
  ])('%j', (line, why) => {
    expect(problemOf(line)).toMatch(why)
  })
})
