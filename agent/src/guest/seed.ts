import type { GuestConfig } from '../ports/guest.ts'
import type { SeedFiles } from '../ports/storage.ts'

const defaultUserName = 'decloud'

/** The tenant's input is unusable; the message says which part and what is expected. */
export class GuestConfigError extends Error {
  override readonly name = 'GuestConfigError'
  readonly field: keyof GuestConfig

  constructor(field: keyof GuestConfig, message: string) {
    super(message)
    this.field = field
  }
}

function demand(field: keyof GuestConfig, value: string, pattern: RegExp, expected: string): string {
  if (pattern.test(value)) return value
  throw new GuestConfigError(field, `${field}: ${JSON.stringify(value.slice(0, 80))} is not ${expected}`)
}

const keyLine =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com) ([A-Za-z0-9+/]+={0,2})(?: .*)?$/

/** Type and key only: options would change what sshd does, and a comment is of no use to it. */
function publicKey(line: string): string {
  const expected = 'one OpenSSH public key, such as ssh-ed25519 AAAA…'
  demand('sshKeys', line.trim(), keyLine, expected)
  const [, type = '', blob = ''] = keyLine.exec(line.trim()) ?? []
  // The blob names its own type; a mismatch is a damaged or forged line.
  const bytes = Buffer.from(blob, 'base64')
  const length = bytes.length > 4 ? bytes.readUInt32BE(0) : 0
  if (bytes.subarray(4, 4 + length).toString('latin1') !== type) demand('sshKeys', line, /^$/, expected)
  return `${type} ${blob}`
}

/** KEY='value' lines, safe to source from a shell and readable by systemd's EnvironmentFile. */
export function environmentFile(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => {
      demand('variables', name, /^[A-Z][A-Z0-9_]{0,63}$/, 'a variable name of A-Z, 0-9 and _')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL cannot be part of an environment
      demand('variables', value, /^[^\u0000\r\n]*$/, 'a value on one line')
      return `${name}='${value.replaceAll("'", `'\\''`)}'\n`
    })
    .join('')
}

/**
 * cloud-config written as JSON, which every YAML parser reads, so that input stays data. The tiny image's init reads the
 * same text with sed: one item a line, keys `name`, `passwd`, `content` once each, no value that JSON would escape.
 * Throws GuestConfigError.
 */
export function userData(config: GuestConfig): string {
  const name = demand(
    'userName',
    config.userName ?? defaultUserName,
    /^[a-z][a-z0-9_-]{0,31}$/,
    'a Linux user name',
  )
  if (name === 'root')
    throw new GuestConfigError('userName', 'userName: root is not offered; sudo is open to the user')
  const password = config.passwordHash
  if (password !== null) {
    demand(
      'passwordHash',
      password,
      /^\$6\$(rounds=\d+\$)?[A-Za-z0-9./]{1,16}\$[A-Za-z0-9./]{86}$/,
      'a SHA-512 crypt hash',
    )
  }
  const content = {
    preserve_hostname: false,
    ssh_pwauth: password !== null,
    disable_root: true,
    users: [
      {
        name,
        shell: '/bin/bash',
        sudo: 'ALL=(ALL) NOPASSWD:ALL',
        lock_passwd: password === null,
        ...(password === null ? {} : { passwd: password }),
        ssh_authorized_keys: config.sshKeys.map(publicKey),
      },
    ],
    write_files: [
      {
        path: '/etc/decloud/env',
        owner: 'root:root',
        permissions: '0600',
        encoding: 'b64',
        content: Buffer.from(environmentFile(config.variables)).toString('base64'),
      },
    ],
  }
  return `#cloud-config\n${JSON.stringify(content, null, 2)}\n`
}

export function metaData(config: GuestConfig): string {
  const hostname = demand(
    'hostname',
    config.hostname,
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'a host name label',
  )
  const id = demand('instanceId', config.instanceId, /^[A-Za-z0-9-]{1,80}$/, 'letters, digits and hyphens')
  return `${JSON.stringify({ 'instance-id': id, 'local-hostname': hostname }, null, 2)}\n`
}

/** Version 2 of cloud-init's network config: DHCP on the lease's own interface. */
export function networkConfig(config: GuestConfig): string {
  const macaddress = demand(
    'mac',
    config.mac.toLowerCase(),
    /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/,
    'a MAC address',
  )
  const ethernets = { lease: { match: { macaddress }, dhcp4: true, 'dhcp-identifier': 'mac' } }
  return `${JSON.stringify({ version: 2, ethernets }, null, 2)}\n`
}

/** Pure. Throws GuestConfigError for input that no guest could use. */
export function seedFiles(config: GuestConfig): SeedFiles {
  return { userData: userData(config), metaData: metaData(config), networkConfig: networkConfig(config) }
}
