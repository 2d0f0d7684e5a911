import { GUEST_USER } from '../domain/guest-config.ts'
import type { GuestAccess, GuestConfig } from '../ports/guest.ts'
import type { SeedFiles } from '../ports/storage.ts'
import { readPublicKey } from '../ssh/public-key.ts'

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

/** Type and key only: options would change what sshd does, and a comment is of no use to it. */
function publicKey(line: string): string {
  const read = readPublicKey(line)
  if ('key' in read) return `${read.key.type} ${read.key.blob}`
  throw new GuestConfigError(
    'sshKeys',
    `sshKeys: the key ${JSON.stringify(line.slice(0, 80))} ${read.problem}`,
  )
}

/** Read by whoever opens the file in their guest. */
const NODE_KEY_COMMENT = 'decloud-node: browser terminal and files; remove this line to close them'

export const nodeKeyLine = ({ nodeKey, nodeAddress }: GuestAccess): string =>
  `restrict,pty,from="${demand('access', nodeAddress, /^\d{1,3}(\.\d{1,3}){3}$/, 'an IPv4 address')}" ${publicKey(nodeKey)} ${NODE_KEY_COMMENT}`

/** Where sshd looks first; what a later file says of the same setting counts no more. */
const SSHD = '/etc/ssh/sshd_config.d'
export const AUTHORITY = '/etc/ssh/decloud_user_authority.pub'
const PRINCIPALS = '/etc/ssh/decloud_principals'
/** A file of its own, because a later manifest replaces it. */
export const PASSWORD_LOGIN = `${SSHD}/11-decloud-password.conf`
export const passwordLogin = (allowed: boolean): string =>
  `PasswordAuthentication ${allowed ? 'yes' : 'no'}\n`

/** Users without a list of names are entered by no certificate at all. */
const accessFiles = (user: string, { userAuthority, principal }: GuestAccess) => [
  file(
    `${SSHD}/10-decloud.conf`,
    `# Certificates of one hour, for the tenant and collaborators of the lease; remove this file to refuse them.
TrustedUserCAKeys ${AUTHORITY}
AuthorizedPrincipalsFile ${PRINCIPALS}/%u
`,
  ),
  file(AUTHORITY, `${publicKey(userAuthority)}\n`),
  file(
    `${PRINCIPALS}/${user}`,
    `${demand('access', principal, /^0x[0-9a-f]{1,64}$/, 'a name for certificates')}\n`,
  ),
]

const file = (path: string, text: string, permissions = '0644') => ({
  path,
  owner: 'root:root',
  permissions,
  encoding: 'b64',
  content: Buffer.from(text).toString('base64'),
})

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

/** The guest has this host key and no other, after every installation the same. */
const hostKeys = ({ hostKey }: GuestAccess) => ({
  ssh_deletekeys: true,
  ssh_keys: {
    ed25519_private: privateKey(hostKey.privateKey),
    ed25519_public: publicKey(hostKey.publicKey),
  },
})
const OPENSSH_PRIVATE = /^-{5}BEGIN OPENSSH PRIVATE KEY-{5}\n([A-Za-z0-9+/=]{1,70}\n)+-{5}END [A-Z ]+-{5}\n$/

/** Never shown, not even in part. */
function privateKey(text: string): string {
  if (OPENSSH_PRIVATE.test(text)) return text
  throw new GuestConfigError('access', 'access: the host key is not an OpenSSH private key')
}

/**
 * cloud-config written as JSON, which every YAML parser reads, so that input stays data. The tiny image's init reads the
 * same text with sed: one item a line; of `name`, `passwd`, `content` and `ed25519_private` the first; nothing in these
 * that JSON would escape but the ends of lines.
 * Throws GuestConfigError.
 */
export function userData(config: GuestConfig): string {
  const name = demand(
    'userName',
    config.userName ?? GUEST_USER,
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
  const { access } = config
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
        ssh_authorized_keys: [
          ...config.sshKeys.map(publicKey),
          ...(access === undefined ? [] : [nodeKeyLine(access)]),
        ],
      },
    ],
    ...(access === undefined ? {} : hostKeys(access)),
    write_files: [
      file('/etc/decloud/env', environmentFile(config.variables), '0600'),
      ...(access === undefined ? [] : accessFiles(name, access)),
      file(PASSWORD_LOGIN, passwordLogin(password !== null)),
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
