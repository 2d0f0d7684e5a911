#!/bin/sh
# The node's command on a machine where install.sh put it: the verbs of the running release, with the service's
# configuration. `run` is the unit's; `upgrade` is the installer of the release that is upgraded to.
set -eu
umask 077
NAME=decloud-node
ETC=/etc/$NAME
OPT=/opt/$NAME
release=$OPT/current
node=$release/node_modules/.bin/node
main=$release/agent/src/cli/main.ts
# As scripts/install/lib.sh has them, and says why.
flags=--no-wasm-tier-up

fail() { code=$1; shift; printf '%s: %s\n' "$NAME" "$*" >&2; exit "$code"; }
[ -x "$node" ] || fail 1 "there is no release in $OPT: run install.sh"

work=''
clean() { [ -z "$work" ] || rm -rf -- "$work"; }
trap clean EXIT
trap 'exit 130' INT TERM HUP

# ------------------------------------------------------------------------------------------------- upgrade
upgrade_usage() {
  cat <<TEXT
Usage: $NAME upgrade --release FILE | --from CHECKOUT [--check] [options]
       $NAME upgrade --rollback

Runs the installer of that release: it copies configuration and databases, switches, waits for the new release to be
healthy, and switches back when it is not. Guests are not touched.

  --check               only says whether that is another release than the one that runs
  --json                with --check: as one line of JSON
  --sha256 HEX          refuses a release file with another checksum, before anything in it is run
  --health-deadline N, --no-packages, --dry-run    as of install.sh
TEXT
}

upgrade() {
  from='' file='' sum='' check='' json='' back=''
  passed=''
  while [ $# -gt 0 ]; do
    case $1 in
      --release | --from | --sha256 | --health-deadline)
        [ $# -ge 2 ] || fail 2 "$1 needs a value"
        case $1 in
          --release) file=$2 ;;
          --from) from=$2 ;;
          --sha256) sum=$2 ;;
          --health-deadline) case $2 in '' | *[!0-9]*) fail 2 "$1 takes seconds, not '$2'" ;; esac; passed="$passed $1 $2" ;;
        esac
        shift ;;
      --check) check=1 ;;
      --json) json=1 ;;
      --rollback) back=1 ;;
      --no-packages | --dry-run) passed="$passed $1" ;;
      --help | -h) upgrade_usage; exit 0 ;;
      *) upgrade_usage >&2; fail 2 "unknown option '$1'" ;;
    esac
    shift
  done
  running=$(cat "$release/RELEASE")
  # shellcheck disable=SC2086 # several words, checked above
  if [ -n "$back" ]; then
    [ -z "$from$file" ] || fail 2 '--rollback goes back to the release before, and takes no other'
    exec sh "$release/agent/install/install.sh" --rollback $passed
  fi
  if [ -z "$from$file" ] || { [ -n "$from" ] && [ -n "$file" ]; }; then upgrade_usage >&2; fail 2 'give --release FILE or --from CHECKOUT'; fi
  if [ -n "$file" ]; then
    [ -f "$file" ] || fail 1 "there is no file $file"
    if [ -n "$sum" ]; then
      printf '%s  %s\n' "$sum" "$file" | sha256sum --check --status - 2>/dev/null || fail 1 "$file is not the file with the checksum $sum: nothing was changed"
    fi
    work=$(mktemp -d "/run/$NAME.XXXXXX")
    tar -xf "$file" -C "$work" --no-same-owner ./RELEASE ./agent/install ./scripts/install 2>/dev/null || fail 1 "$file is no release of the node"
    offered=$(cat "$work/RELEASE")
    case $offered in *[!A-Za-z0-9.+-]*) fail 1 "the release has a strange version" ;; esac
  else
    [ -f "$from/agent/install/install.sh" ] || fail 1 "$from is no checkout of this project"
    offered="what is in $from"
  fi
  if [ -n "$check" ]; then
    if [ "$running" = "$offered" ]; then other=false; else other=true; fi
    if [ -n "$json" ]; then printf '{"running":"%s","offered":"%s","upgrade":%s}\n' "$running" "$(printf '%s' "$offered" | sed 's/[\\"]/\\&/g')" "$other"
    elif [ "$other" = true ]; then echo "$running runs; an upgrade would be to $offered"
    else echo "$running runs, and is what was offered"; fi
    exit 0
  fi
  # shellcheck disable=SC2086 # as above
  if [ -n "$file" ]; then sh "$work/agent/install/install.sh" --release "$file" $passed
  else sh "$from/agent/install/install.sh" --from "$from" $passed; fi
}

# ------------------------------------------------------------------------------------------------- the other verbs
verb=${1:-}
case $verb in
  '' | -h | --help | help) exec "$node" $flags "$main" "${@:---help}" ;;
  run) fail 2 "the unit runs it: systemctl start $NAME" ;;
esac
[ "$(id -u)" = 0 ] || fail 2 "this needs root, to become the service's user: sudo $NAME $*"
if [ "$verb" = upgrade ]; then shift; upgrade "$@"; exit 0; fi

# What the unit has from it, quoted or not.
if [ -r "$ETC/environment" ]; then
  set -a
  # shellcheck source=/dev/null
  . "$ETC/environment"
  set +a
fi
export DECLOUD_NODE_CONFIG="${DECLOUD_NODE_CONFIG:-$ETC/node.json}" DECLOUD_DATA_DIR="${DECLOUD_DATA_DIR:-/var/lib/$NAME}"
export NODE_ENV=production NODE_COMPILE_CACHE="$release/compiled"

# The secrets are root's, and the operator's cold key stays so: what signs with it, or changes keys and configuration, runs
# as root. Everything else is the service's user, with the powers that the service has.
case $verb in
  init | register | config | keys | price | profile | capacity | drain | resume | withdraw | entrust | reclaim | logs)
    export CREDENTIALS_DIRECTORY="$ETC/credentials"
    exec "$node" $flags "$main" "$@" ;;
esac

# For as long as the verb runs, its user has the agent's secrets in memory.
work=$(mktemp -d "/run/$NAME.XXXXXX")
for secret in agent-keystore agent-password sealing-keys; do
  [ ! -f "$ETC/credentials/$secret" ] || install -m 0400 -o "$NAME" "$ETC/credentials/$secret" "$work/$secret"
done
chown "$NAME" "$work"
export CREDENTIALS_DIRECTORY="$work"
umask 066
cd "/var/lib/$NAME"
status=0
HOME=/var/lib/$NAME setpriv --reuid="$NAME" --regid="$NAME" --init-groups --no-new-privs --bounding-set=-all,+net_admin \
  --inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin "$node" $flags "$main" "$@" || status=$?
exit "$status"
