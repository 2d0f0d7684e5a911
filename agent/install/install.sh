#!/bin/sh
# Installs, upgrades, rolls back and removes a node's agent on Debian 12 or Ubuntu with systemd. See --help.
#
#   /opt/decloud-node/releases/VERSION   side by side; `current` points at the one that runs
#   /etc/decloud-node                    node.json, environment, credentials/ (the agent's keystore, its password, sealing keys)
#   /var/lib/decloud-node                databases, disks, seeds, images; backups/ holds a copy from before each upgrade
#
# Guests are libvirt's: nothing here stops, starts or changes one, but --purge-disks --yes.
set -eu

NAME=decloud-node LABEL='node install' ROOM=agent MAIN=agent/src/cli/main.ts PARTS='docs/operator.md'
WORKSPACES='@decloud/agent @decloud/chain @decloud/gossip @decloud/service @decloud/protocol'
COPY_PREFIX='' COPY_SUFFIX='' COMPILED_BY='run --help'

usage() {
  cat <<TEXT
Usage: install.sh --from CHECKOUT | --release FILE [options]   install, or upgrade to that
       install.sh --pack FILE --from CHECKOUT [--arch arm64]   make a release file, to install elsewhere without npm
       install.sh --rollback                                   back to the release before
       install.sh --uninstall [--purge [--purge-disks]]        remove it; guests, disks, keys and configuration stay

  --no-packages          install no Debian packages, only say which are missing
  --sha256 HEX           refuse a release file with another checksum
  --arch x86_64|arm64    of the machine that --pack packs for; this one's by default
  --health-deadline N    seconds for a new release to be healthy before it is rolled back (180)
  --dry-run              say what would be done, do nothing

  --leave-guests         uninstall although guests run: they go on, and nobody answers for them
  --purge                with --uninstall: also configuration, keys and databases; disks, and images below them, stay
  --purge-disks          with --purge: disks, seeds and images too; not while a disk is in use
  --yes                  with --purge-disks: even then; its guests are powered off and removed

An upgrade copies configuration and databases, switches, waits until the new release says that it is as well as the old
one was, and switches back when that does not come: to the data as they are, or, where the old release cannot read those,
to the copy. An agent that was stopped stays so.
Exit codes: 0 done, 1 failed and as before (or rolled back), 2 usage.
TEXT
}

# Beside this file, or where a checkout and a release have it.
here=$(cd "$(dirname "$0")" && pwd)
for lib in "$here/lib.sh" "$here/../../scripts/install/lib.sh" /none; do [ ! -f "$lib" ] || break; done
if [ ! -f "$lib" ]; then echo 'node install: scripts/install/lib.sh is missing: run this from a checkout or a release, or put lib.sh beside it' >&2; exit 2; fi

packages=1 leave='' purge_disks='' yes=''
needs_more() {
  case $1 in
    --no-packages) packages='' ;;
    --leave-guests) leave=1 ;;
    --purge-disks) purge_disks=1 ;;
    --yes) yes=1 ;;
    *) return 1 ;;
  esac
}

service_environment() { printf '%s\n' "DECLOUD_NODE_CONFIG=$ETC/node.json" "DECLOUD_DATA_DIR=$STATE"; }

try_release() {
  (cd "$1/agent" && ../node_modules/.bin/node -e 'import("koffi").then(() => new (require("better-sqlite3"))(":memory:"))' &&
    ../node_modules/.bin/node $NODE_FLAGS src/cli/main.ts --help >/dev/null)
}

# ------------------------------------------------------------------------------------------------- the machine
wanted_packages() {
  case $(uname -m) in
    x86_64) echo qemu-system-x86 ovmf ;;
    aarch64) echo qemu-system-arm qemu-efi-aarch64 ;;
    *) die "a node runs on x86-64 or arm64, not on $(uname -m)" ;;
  esac
  echo qemu-utils libvirt-daemon-system libvirt-daemon-driver-qemu libvirt-clients dnsmasq-base genisoimage iproute2 openssh-client \
    sysbench pciutils ca-certificates
}

missing_packages() {
  for one in $(wanted_packages); do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$one" 2>/dev/null)" = installed ] || printf '%s ' "$one"
  done
}

check_system() {
  [ -r /etc/os-release ] || die 'this is no Debian or Ubuntu: /etc/os-release is missing'
  system=$(sed -n 's/^ID="*\([^"]*\)"*$/\1/p; s/^VERSION_ID="*\([^"]*\)"*$/\1/p' /etc/os-release | LC_ALL=C sort -r | tr '\n' ' ')
  system=${system% }
  case $system in
    'debian 12' | 'debian 13' | 'ubuntu 22.04' | 'ubuntu 24.04') ;;
    debian* | ubuntu*) say "this is $system; tried are Debian 12 and Ubuntu 22.04 and 24.04" ;;
    *) die "this is $system: the node runs on Debian 12 and Ubuntu 22.04 or 24.04" ;;
  esac
}

install_packages() {
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  if [ -z "$packages" ]; then say "missing, and not installed because of --no-packages: $missing"; return 0; fi
  say "installing Debian packages: $missing"
  act apt-get update -qq >&2 || say 'the list of packages could not be refreshed; trying with the one that is there'
  # shellcheck disable=SC2086 # several words
  DEBIAN_FRONTEND=noninteractive act apt-get install -y -qq --no-install-recommends $missing >&2 ||
    die 'these packages could not be installed, see above: nothing else was changed'
}

# The group in which QEMU is, whichever user its distribution gave it.
qemu_group() {
  if getent group libvirt-qemu >/dev/null; then echo libvirt-qemu; else echo "$NAME"; fi
}

make_room() {
  getent passwd "$NAME" >/dev/null ||
    act useradd --system --user-group --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin "$NAME"
  for group in libvirt kvm; do
    if getent group "$group" >/dev/null; then act usermod --append --groups "$group" "$NAME"; fi
  done
  act install -d -m 0755 "$OPT" "$OPT/releases"
  # What root writes there, its group reads.
  act install -d -m 2750 -o root -g "$NAME" "$ETC"
  act install -d -m 0700 -o root -g root "$ETC/credentials"
  # QEMU passes through it and lists nothing; what is made in it is of QEMU's group, and private but for the disks.
  act install -d -m 2710 -o "$NAME" -g "$(qemu_group)" "$STATE"
  act install -d -m 0700 -o "$NAME" -g "$NAME" "$STATE/backups"
}

put_more() { :; }

configured() { [ -f "$ETC/node.json" ] && [ -f "$ETC/credentials/agent-keystore" ]; }

# The agent tells systemd how it is, `ok: …` or `degraded: …`.
health_word() { systemctl show --property=StatusText --value "$NAME.service" | sed -n 's/^\(ok\|degraded\): .*/\1/p'; }

note_health() { was_health=$(health_word); }

# `well VERSION`: as well as the release before it was; an RPC that was away before the upgrade is not its fault.
well() {
  case $(health_word) in
    ok) return 0 ;;
    degraded) [ "$was_health" = degraded ] ;;
    *) return 1 ;;
  esac
}

# `save COPY`: a folder with every database, copied while the agent writes, and the configuration. Keys do not change.
save() {
  [ -z "$dry" ] || { say "would copy the databases and the configuration to $1"; return 0; }
  rm -rf -- "$1.part"
  install -d -m 0700 -o "$NAME" -g "$NAME" "$1.part"
  for database in "$STATE"/*.db; do
    [ -f "$database" ] || continue
    # As who owns it: the operator's journal is root's.
    as=$(stat -c %U "$database")
    at "$new" @node install/copy-database.cjs "$database" "$1.part/${database##*/}" || return 1
    as=''
  done
  for file in node.json environment; do
    [ ! -f "$ETC/$file" ] || cp -p "$ETC/$file" "$1.part/$file" || return 1
  done
  sync "$1.part" && mv -T "$1.part" "$1"
}

# `restore VERSION COPY`: the databases of the copy in the place of those that are there. Guests, disks and seeds are not
# in it, and what the chain says is read anew.
restore() {
  for database in "$2"/*.db; do
    [ -f "$database" ] || continue
    target=$STATE/${database##*/}
    rm -f -- "$target-wal" "$target-shm"
    install -m 0600 -o "$(stat -c %U "$database")" -g "$(stat -c %G "$STATE")" "$database" "$target.part"
    mv -T "$target.part" "$target"
  done
  for file in node.json environment; do
    [ ! -f "$2/$file" ] || cp -p "$2/$file" "$ETC/$file"
  done
}

# ------------------------------------------------------------------------------------------------- what it does
do_install() {
  [ -z "$leave$purge_disks$yes" ] || wrong '--leave-guests, --purge-disks and --yes go with --uninstall'
  need_root
  need_systemd
  check_system
  take_turn
  old=$(current)
  install_packages
  make_room
  fetch
  was_health=''
  if configured && [ "$(systemctl is-active "$NAME.service" || true)" != inactive ]; then
    [ -n "$dry" ] || at "$new" @main config check >&2 || die "the release $new does not take the configuration: nothing was changed"
    upgrade
    return 0
  fi
  if configured && [ -n "$old" ] && [ "$old" != "$new" ]; then
    save "$(copy_of "$old")" || die 'the databases could not be copied: nothing was changed'
  fi
  put_unit "$new"
  if [ -n "$old" ] && [ "$old" != "$new" ]; then link previous "$old"; fi
  link current "$new"
  act systemctl enable --quiet "$NAME.service"
  [ -n "$dry" ] || prune
  if configured; then say "$new is in place, and not started, because it was not running: systemctl start $NAME"
  else say "$new is in place. Next: $NAME init, then $NAME register and systemctl start $NAME (docs/operator.md)"; fi
}

# `guests OPTION…`: domains of leases on this machine. Fails when libvirt is here and does not say.
guests() {
  command -v virsh >/dev/null || return 0
  names=$(virsh -q -c qemu:///system list "$@" --name) || return 1
  printf '%s\n' "$names" | grep '^decloud-' || true
}
# Guests of a development chain without libvirt are lines of a file.
simulated_guests() {
  [ ! -f "$STATE/simulated-machine.json" ] || grep -o '"state":"\(running\|paused\)"' "$STATE/simulated-machine.json" || true
}
# Disks that are not in quarantine belong to leases that have not ended, as far as this node knows.
disks_in_use() {
  find "$STATE/disks" -maxdepth 1 -type f ! -name '*quarantine*' ! -name '*.partial' 2>/dev/null || true
}
count() { printf '%s' "$1" | grep -c . || true; }

let_go() {
  [ -z "$purge_disks" ] || [ -n "$purge" ] || wrong '--purge-disks goes with --purge'
  [ -z "$yes" ] || [ -n "$purge_disks" ] || wrong '--yes goes with --purge-disks'
  if [ -n "$purge_disks" ] && [ -z "$yes" ]; then
    used=$(count "$(disks_in_use)")
    [ "$used" = 0 ] || die "$used disks belong to leases that have not ended, as far as this node knows: nothing was changed. \`$NAME drain\` ends them; --yes deletes them all the same"
  fi
  [ -z "$leave$yes" ] || return 0
  # Without an answer nobody knows, which is not the same as none.
  real=$(guests --state-running --state-paused) || die 'libvirt does not say which guests run: nothing was changed. Start it, or give --leave-guests'
  on=$(count "$real
$(simulated_guests)")
  if [ "$on" != 0 ]; then
    die "$on guests of tenants run on this machine: nothing was changed. \`$NAME drain\` lets their leases end; with --leave-guests they go on, and nobody answers for them"
  fi
}

purge() {
  act rm -rf -- "$ETC"
  if [ -z "$purge_disks" ]; then
    for file in "$STATE"/* "$STATE"/.[!.]*; do
      case ${file##*/} in
        disks | seeds | images | fetched) ;;
        *) [ ! -e "$file" ] || act rm -rf -- "$file" ;;
      esac
    done
    say "removed, with configuration, keys and databases; disks and images stay in $STATE (--purge --purge-disks removes them too)"
    return 0
  fi
  domains=$(guests --all) || die 'libvirt does not say which guests there are: the disks are still there'
  for domain in $domains; do
    act virsh -q -c qemu:///system destroy "$domain" >/dev/null 2>&1 || true
    act virsh -q -c qemu:///system undefine --nvram "$domain" || die "the guest $domain could not be removed: the disks are still there"
  done
  act rm -rf -- "$STATE"
  if getent passwd "$NAME" >/dev/null; then act userdel "$NAME"; fi
  say 'removed, with configuration, keys, databases and disks'
}

# shellcheck source=scripts/install/lib.sh
. "$lib"
options "$@"
old='' new=''
"do_$mode"
