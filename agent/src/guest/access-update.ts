// Making a running guest let in whom its tenant's newest manifest names, through its guest agent. What people have changed
// by hand stays: only keys that a manifest brought are taken away again, one that people
// took away themselves does not come back, and a password is set only when it is another.
import type { Hex } from 'viem'
import type { GuestAccess } from '../ports/guest.ts'
import { type Hypervisor, HypervisorError } from '../ports/hypervisor.ts'
import { AUTHORITY, nodeKeyLine, PASSWORD_LOGIN, passwordLogin } from './seed.ts'

export type GuestKeys = {
  readonly userName: string
  /** `type blob`, without options or comments. */
  readonly sshKeys: readonly string[]
  /** crypt(3) SHA-512; null locks password login. */
  readonly passwordHash: string | null
  /** As the seed has it: one that the node does not hold any more, or had for an earlier lease of the disk, goes. */
  readonly access: GuestAccess
}

/** `$0` of the script, by which it is known in the guest's process list. */
export const UPDATE_ACCESS = 'decloud-update-access'

// The input is data: the hash, the authority, the node's key and its line, then the keys. Nothing of it is in any argument,
// where every program of the guest could read it. What people removed of the node's own is not put back.
const SCRIPT = `set -eu
umask 077
user=$1 drop=$2 login=$3 trusted=$4
IFS= read -r hash
IFS= read -r authority
IFS= read -r node
IFS= read -r line
home=$(eval echo "~$user")
keys=$home/.ssh/authorized_keys
brought=/etc/decloud/manifest_keys
secret=/etc/decloud/manifest_password
mkdir -p /etc/decloud "$home/.ssh"
touch "$keys" "$brought"
cat > "$brought.new"
awk -v node="$node" -v line="$line" -v new="$brought.new" -v old="$brought" '
  FILENAME == new { wanted[$2] = 1; order[++count] = $0; next }
  FILENAME == old { gone[$2] = 1; next }
  {
    blob = ""
    for (i = 1; i <= NF && blob == ""; i++) if ($i ~ /^AAAA[A-Za-z0-9+\\/]+=*$/) blob = $i
    if (blob in gone && !(blob in wanted)) next
    if ($0 ~ / decloud-node: / && index($0, node) == 0) { stale = 1; next }
    if (index($0, node) > 0) known = 1
    there[blob] = 1
    print
  }
  END {
    if (stale && !known) print line
    for (i = 1; i <= count; i++) {
      split(order[i], part, " ")
      if (!(part[2] in there) && !(part[2] in gone)) print order[i]
    }
  }
' "$brought.new" "$brought" "$keys" > "$keys.new"
chown "$(stat -c %u:%g "$home")" "$home/.ssh" "$keys.new"
chmod 700 "$home/.ssh"
mv -f "$keys.new" "$keys"
mv -f "$brought.new" "$brought"
if [ -f "$trusted" ] && [ "$(cat "$trusted")" != "$authority" ]; then
  printf '%s\\n' "$authority" > "$trusted.new"
  chmod 644 "$trusted.new"
  mv -f "$trusted.new" "$trusted"
fi
if [ "$(cat "$secret" 2>/dev/null)" != "$hash" ]; then
  sed "s|^$user:[^:]*:|$user:$hash:|" /etc/shadow > /etc/shadow.decloud
  chown "$(stat -c %u:%g /etc/shadow)" /etc/shadow.decloud
  chmod "$(stat -c %a /etc/shadow)" /etc/shadow.decloud
  mv -f /etc/shadow.decloud /etc/shadow
  printf '%s\\n' "$hash" > "$secret"
fi
if [ -d "\${drop%/*}" ] && [ "$(cat "$drop" 2>/dev/null)" != "$login" ]; then
  printf '%s\\n' "$login" > "$drop"
  chmod 644 "$drop"
  systemctl reload ssh 2>/dev/null || systemctl reload sshd 2>/dev/null || true
fi
sync
`

const UPDATE_MS = 20_000
/** In the place of a hash: no password fits, and the account is not locked for keys. */
const NO_PASSWORD = '*'

/**
 * @returns null once the guest is as asked for, else in one sentence why it is not: it is tried again.
 * @throws HypervisorError when the hypervisor itself fails.
 */
export const updateAccess = async (
  hypervisor: Pick<Hypervisor, 'exec'>,
  leaseId: Hex,
  { userName, sshKeys, passwordHash, access }: GuestKeys,
): Promise<string | null> => {
  const login = passwordLogin(passwordHash !== null).trim()
  const own = [access.userAuthority, access.nodeKey, nodeKeyLine(access)]
  const input = [passwordHash ?? NO_PASSWORD, ...own, ...sshKeys].map((line) => `${line}\n`).join('')
  const script = ['/bin/sh', '-c', SCRIPT, UPDATE_ACCESS, userName, PASSWORD_LOGIN, login, AUTHORITY] as const
  try {
    const { exitCode, stderr } = await hypervisor.exec(leaseId, [...script], UPDATE_MS, input)
    if (exitCode === 0) return null
    return `the guest could not change who may enter: ${stderr.trim().slice(-200) || `exit code ${exitCode}`}`
  } catch (error) {
    if (!(error instanceof HypervisorError)) throw error
    if (error.code === 'agent-not-ready') return 'the guest agent does not answer'
    if (error.code === 'timeout') return 'the guest is slow to answer'
    if (error.code === 'agent-error') return 'the guest agent cannot run the change'
    throw error
  }
}
