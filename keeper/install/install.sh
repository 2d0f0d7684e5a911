#!/bin/sh
# Installs, upgrades, rolls back and removes a keeper on Debian 12 or Ubuntu with systemd. See --help.
#
#   /opt/decloud-keeper/releases/VERSION   side by side; `current` points at the one that runs
#   /etc/decloud-keeper                    keeper.json, environment, credentials/ (keystore and its password)
#   /var/lib/decloud-keeper                the databases; backups/ holds a copy from before each upgrade
set -eu

NAME=decloud-keeper LABEL='keeper install' ROOM=keeper MAIN=keeper/src/main.ts PARTS=''
WORKSPACES='@decloud/keeper @decloud/chain @decloud/gossip @decloud/service @decloud/protocol'
COPY_PREFIX=local- COPY_SUFFIX=.sqlite

usage() {
  cat <<TEXT
Usage: install.sh --from CHECKOUT | --release FILE [options]   install, or upgrade to that
       install.sh --pack FILE --from CHECKOUT                  make a release file, to install elsewhere without npm
       install.sh --rollback                                   back to the release before
       install.sh --uninstall [--purge]                        remove it; --purge also configuration, key and databases

  --config FILE          becomes $ETC/keeper.json; needed once
  --keystore FILE        the key, as a version 3 keystore; without one the keeper reads and serves, and does no chores
  --password-file FILE   its password; both are kept for root alone and handed to the unit as credentials
  --sha256 HEX           refuse a release file with another checksum
  --arch x86_64|arm64    of the machine that --pack packs for; this one's by default
  --health-deadline N    seconds for a new release to be healthy before it is rolled back (180)
  --dry-run              say what would be done, do nothing

An upgrade checks the configuration with the new release, copies local.sqlite, switches, waits for health, and switches
back when that does not come: to the data as they are, or, where the old release cannot read those, to the copy.
Exit codes: 0 done, 1 failed and as before (or rolled back), 2 usage.
TEXT
}

# Beside this file, or where a checkout and a release have it.
here=$(cd "$(dirname "$0")" && pwd)
for lib in "$here/lib.sh" "$here/../../scripts/install/lib.sh" /none; do [ ! -f "$lib" ] || break; done
if [ ! -f "$lib" ]; then echo 'keeper install: scripts/install/lib.sh is missing: run this from a checkout or a release, or put lib.sh beside it' >&2; exit 2; fi

config='' keystore='' password=''
needs_more() {
  case $1 in
    --config | --keystore | --password-file)
      [ $# -ge 2 ] || wrong "$1 needs a value"
      case $1 in --config) config=$2 ;; --keystore) keystore=$2 ;; --password-file) password=$2 ;; esac
      taken=2 ;;
    *) return 1 ;;
  esac
}

service_environment() { printf '%s\n' "DECLOUD_KEEPER_CONFIG=$ETC/keeper.json" "DECLOUD_KEEPER_DATA=$STATE"; }

try_release() {
  (cd "$1/keeper" && ../node_modules/.bin/node -e 'import("koffi").then(() => new (require("better-sqlite3"))(":memory:"))' &&
    ../node_modules/.bin/node $NODE_FLAGS src/main.ts --version >/dev/null)
}

make_room() {
  getent passwd "$NAME" >/dev/null ||
    act useradd --system --user-group --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin "$NAME"
  act install -d -m 0755 "$OPT" "$OPT/releases"
  act install -d -m 0750 -o root -g "$NAME" "$ETC"
  act install -d -m 0700 -o root -g root "$ETC/credentials"
  act install -d -m 0700 -o "$NAME" -g "$NAME" "$STATE" "$STATE/backups"
  [ -z "$config" ] || act install -m 0640 -o root -g "$NAME" "$config" "$ETC/keeper.json"
  if [ -n "$keystore$password" ]; then
    if [ -z "$keystore" ] || [ -z "$password" ]; then wrong '--keystore and --password-file go together'; fi
    act install -m 0600 -o root -g root "$keystore" "$ETC/credentials/keystore"
    act install -m 0600 -o root -g root "$password" "$ETC/credentials/keystore-password"
  fi
}

credentials() {
  for name in keystore keystore-password; do
    [ ! -f "$ETC/credentials/$name" ] || printf 'LoadCredential=%s:%s\n' "$name" "$ETC/credentials/$name"
  done
}

# Beside the unit: the credentials that there are.
put_more() {
  act install -d -m 0755 "$UNIT.d"
  if [ -n "$dry" ]; then act write "$UNIT.d/credentials.conf"; else
    { echo '[Service]'; credentials; } > "$UNIT.d/credentials.conf"
  fi
}

note_health() { :; }

# `well VERSION`: its answers are those of the chain, or will be when it has read that. It tells systemd where it serves.
well() {
  url=$(systemctl show --property=StatusText --value "$NAME.service" | sed -n 's/^serving at //p')
  [ -n "$url" ] || return 1
  # shellcheck disable=SC2016 # it is JavaScript
  "$OPT/releases/$1/node_modules/.bin/node" -e '
    fetch(`${process.argv[1]}/health`, { signal: AbortSignal.timeout(20_000) })
      .then((answer) => answer.json())
      .then(({ status }) => process.exit(["ok", "syncing"].includes(status) ? 0 : 1), () => process.exit(1))' "$url"
}

save() {
  if [ ! -f "$STATE/local.sqlite" ]; then copy=''; return 0; fi
  act at "$old" @main backup --to "$1" >&2
}

# A newer cache is read anew.
restore() {
  at "$1" @main restore --from "$2"
  rm -f "$STATE/keeper.sqlite" "$STATE/keeper.sqlite-wal" "$STATE/keeper.sqlite-shm"
}

do_install() {
  need_root
  need_systemd
  take_turn
  old=$(current)
  make_room
  fetch
  if [ ! -f "$ETC/keeper.json" ] && [ -z "$dry$config" ]; then
    die "there is no $ETC/keeper.json: give one with --config (the release is in place; docs/keeper.md has the keys)"
  fi
  [ -n "$dry" ] || at "$new" @main config check >&2 || die "the release $new does not take the configuration: nothing was changed"
  upgrade
}

let_go() { :; }

purge() {
  act rm -rf -- "$STATE" "$ETC"
  if getent passwd "$NAME" >/dev/null; then act userdel "$NAME"; fi
  say 'removed, with configuration, key and databases'
}

# shellcheck source=scripts/install/lib.sh
. "$lib"
options "$@"
old='' new=''
"do_$mode"
