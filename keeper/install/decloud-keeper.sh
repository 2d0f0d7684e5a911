#!/bin/sh
# The keeper's command on a machine where install.sh put it: the verbs of the running release, as the service's user,
# with its configuration and, for root, its credentials. `run` is the unit's.
set -eu
NAME=decloud-keeper
ETC=/etc/$NAME
release=/opt/$NAME/current
[ "$(id -u)" = 0 ] || { echo "$NAME: this needs root, to become the service's user" >&2; exit 2; }
case ${1:-} in run | '') echo "$NAME: the unit runs it: systemctl start $NAME (see $NAME --help)" >&2; [ "${1:-}" = '' ] || exit 2; set -- --help ;; esac
# The flag is as in scripts/install/lib.sh, which says why.
set -- "$release/node_modules/.bin/node" --no-wasm-tier-up "$release/keeper/src/main.ts" "$@"
for name in keystore keystore-password; do
  [ ! -f "$ETC/credentials/$name" ] || set -- "--property=LoadCredential=$name:$ETC/credentials/$name" "$@"
done
[ ! -f "$ETC/environment" ] || set -- "--property=EnvironmentFile=$ETC/environment" "$@"
exec systemd-run --quiet --pipe --wait --collect --same-dir --uid="$NAME" --gid="$NAME" \
  --property=UMask=0077 --setenv=DECLOUD_KEEPER_CONFIG="$ETC/keeper.json" \
  --setenv=DECLOUD_KEEPER_DATA="/var/lib/$NAME" "$@"
