import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { environmentFile, GuestConfigError, metaData, networkConfig, userData } from '../../src/guest/seed.ts'
import { cloudInitErrors, sshFingerprint } from '../../src/guest/system-check.ts'
import type { GuestAccess, GuestConfig } from '../../src/ports/guest.ts'

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const config: GuestConfig = {
  instanceId: 'lease-1-1',
  hostname: 'web-1',
  sshKeys: [`${key} tenant@laptop "quoted"`],
  passwordHash: null,
  variables: { DECLOUD_VM_NAME: `it's $HOME; \`id\` "x"` },
  mac: '52:54:00:AA:BB:CC',
}
const AUTHORITY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'B'.repeat(43)}`
const ACCESS_KEY_BODY = 'QUJD'.repeat(10)
const LABEL = 'OPENSSH PRIVATE KEY'
const ACCESS: GuestAccess = {
  hostKey: {
    publicKey: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'C'.repeat(43)}`,
    privateKey: `-----BEGIN ${LABEL}-----\n${ACCESS_KEY_BODY}\n-----END ${LABEL}-----\n`,
  },
  userAuthority: AUTHORITY,
  principal: '0xa1',
  nodeKey: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'D'.repeat(43)}`,
  nodeAddress: '10.77.0.1',
}
const parsed = (text: string) => JSON.parse(text.replace(/^#cloud-config\n/, ''))

describe('user-data', () => {
  test('gives the user, the bare key and the variables, and locks the password', () => {
    const data = parsed(userData(config))
    expect(data.users).toEqual([
      expect.objectContaining({ name: 'decloud', lock_passwd: true, ssh_authorized_keys: [key] }),
    ])
    expect(data.users[0]).not.toHaveProperty('passwd')
    expect(data.write_files[0]).toMatchObject({ path: '/etc/decloud/env', permissions: '0600' })
  })

  test('who may enter besides, and the one host key: as agreed, byte for byte', async () => {
    const text = userData({ ...config, access: ACCESS, passwordHash: `$6$salt$${'a'.repeat(86)}` })
    const file = new URL('golden/user-data.json', import.meta.url)
    const shown = text.replace(/("ed25519_private": )".*"/, '$1"…"')
    // A file that is not there is a failure, not a first version: only the flag writes.
    if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(file, shown)
    expect(shown).toBe(await readFile(file, 'utf8'))
    const files = Object.fromEntries(
      parsed(text).write_files.map(({ path, content }: { path: string; content: string }) => [
        path,
        Buffer.from(content, 'base64').toString(),
      ]),
    )
    expect(files).toEqual({
      '/etc/decloud/env': environmentFile(config.variables),
      '/etc/ssh/sshd_config.d/10-decloud.conf': expect.stringMatching(
        /^#.*\nTrustedUserCAKeys (.*)\nAuthorizedPrincipalsFile \/etc\/ssh\/decloud_principals\/%u\n$/,
      ),
      '/etc/ssh/decloud_user_authority.pub': `${AUTHORITY}\n`,
      '/etc/ssh/decloud_principals/decloud': '0xa1\n',
      '/etc/ssh/sshd_config.d/11-decloud-password.conf': 'PasswordAuthentication yes\n',
    })
  })

  test('the private host key is nowhere but where cloud-init looks for it', () => {
    const data = parsed(userData({ ...config, access: ACCESS }))
    expect(data.ssh_keys.ed25519_private).toBe(ACCESS.hostKey.privateKey)
    expect(JSON.stringify({ ...data, ssh_keys: null })).not.toContain(ACCESS_KEY_BODY)
    const broken = { ...ACCESS, hostKey: { ...ACCESS.hostKey, privateKey: 'topsecret' } }
    expect(() => userData({ ...config, access: broken })).toThrowError(/^((?!topsecret).)*not an OpenSSH/)
  })

  test.each([
    ['nodeAddress', '10.77.0.1" command="id'],
    ['principal', 'root\nother'],
    ['nodeKey', 'command="id" ssh-ed25519 AAAA'],
    ['userAuthority', 'cert-authority ssh-ed25519 AAAA'],
  ])('odd access is refused: %s', (field, value) => {
    expect(() => userData({ ...config, access: { ...ACCESS, [field]: value } })).toThrowError(
      GuestConfigError,
    )
  })

  test('a SHA-512 hash opens password login; anything else is refused', () => {
    const passwordHash = `$6$salt$${'a'.repeat(86)}`
    const data = parsed(userData({ ...config, passwordHash }))
    expect(data).toMatchObject({ ssh_pwauth: true, users: [{ passwd: passwordHash, lock_passwd: false }] })
    for (const odd of ['secret', '$1$x$y', `${passwordHash}\n`, '']) {
      expect(() => userData({ ...config, passwordHash: odd })).toThrowError(/passwordHash.*SHA-512/)
    }
  })

  test('a shell reads the variables back as they were, with nothing executed', () => {
    const script = `${environmentFile(config.variables)}printf %s "$DECLOUD_VM_NAME"`
    expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe(config.variables['DECLOUD_VM_NAME'])
  })

  test.each([
    ['command="id" ssh-ed25519 AAAA', 'options'],
    [`${key}\nssh-ed25519 AAAA`, 'a second line'],
    [key.replace('ssh-ed25519', 'ssh-rsa'), 'a type that is not the blob’s'],
    ['ssh-dss AAAA', 'an old type'],
    ['', 'nothing'],
  ])('the key line %j is refused: %s', (line) => {
    expect(() => userData({ ...config, sshKeys: [line] })).toThrowError(/sshKeys/)
  })

  test.each(['root', 'a b', 'x:0', '../x', 'A', ''])('the user name %j is refused', (userName) => {
    expect(() => userData({ ...config, userName })).toThrowError(/userName/)
  })

  test('variables with an odd name or a line break are refused', () => {
    expect(() => environmentFile({ 'a;b': 'x' })).toThrowError(/variables/)
    expect(() => environmentFile({ A: 'x\nB=y' })).toThrowError(/variables/)
  })
})

test('meta-data and network-config carry the identity and the interface, and refuse odd input', () => {
  expect(JSON.parse(metaData(config))).toEqual({ 'instance-id': 'lease-1-1', 'local-hostname': 'web-1' })
  expect(JSON.parse(networkConfig(config)).ethernets.lease.match).toEqual({ macaddress: '52:54:00:aa:bb:cc' })
  for (const hostname of ['', '-a', 'a.b', 'a"b', 'x'.repeat(64)]) {
    expect(() => metaData({ ...config, hostname })).toThrowError(/hostname/)
  }
  expect(() => networkConfig({ ...config, mac: 'none' })).toThrowError(/mac/)
})

test("cloud-init's result: errors are told from success, and from half a file", () => {
  expect(cloudInitErrors('{"v1":{"datasource":"x","errors":[]}}')).toEqual([])
  expect(cloudInitErrors('{"v1":{"datasource":"x","errors":["boom"]}}')).toEqual(['boom'])
  expect(cloudInitErrors('{"v1":{"data')).toBeNull()
  expect(cloudInitErrors('{}')).toBeNull()
})

test('the fingerprint is the one that ssh-keygen prints', () => {
  const printed = execFileSync('ssh-keygen', ['-l', '-f', '-'], { input: `${key}\n`, encoding: 'utf8' })
  const base64 = Buffer.from(sshFingerprint(key).slice(2), 'hex').toString('base64').replace(/=+$/, '')
  expect(printed).toContain(`SHA256:${base64}`)
})
