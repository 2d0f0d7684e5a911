#!/bin/sh
# Installs, upgrades, rolls back and removes a keeper on Debian 12 or Ubuntu with systemd. See --help.
#
#   /opt/decloud-keeper/releases/VERSION   side by side; `current` points at the one that runs
#   /etc/decloud-keeper                    keeper.json, environment, credentials/ (keystore and its password)
#   /var/lib/decloud-keeper                the databases; backups/ holds a copy from before each upgrade
set -eu
umask 022

NAME=decloud-keeper
OPT=/opt/$NAME
ETC=/etc/$NAME
STATE=/var/lib/$NAME
UNIT=/etc/systemd/system/$NAME.service
COMMAND=/usr/local/bin/$NAME
KEPT_RELEASES=3
KEPT_BACKUPS=10

usage() {
  cat <<TEXT
Usage: install.sh --from CHECKOUT | --release FILE [options]   install, or upgrade to that
       install.sh --pack FILE --from CHECKOUT                  make a release file, to install elsewhere without npm
       install.sh --rollback                                   back to the release before
       install.sh --uninstall [--purge]                        remove it; --purge also configuration, key and databases

  --config FILE          becomes $ETC/keeper.json; needed once
  --keystore FILE        the key, as a version 3 keystore; without one the keeper reads and serves, and does no chores
  --password-file FILE   its password; both are kept for root alone and handed to the unit as credentials
  --health-deadline N    seconds for a new release to be healthy before it is rolled back (180)
  --dry-run              say what would be done, do nothing

An upgrade checks the configuration with the new release, copies local.sqlite, switches, waits for health, and switches
back when that does not come: to the data as they are, or, where the old release cannot read those, to the copy.
Exit codes: 0 done, 1 failed and as before (or rolled back), 2 usage.
TEXT
}

say() { printf 'keeper install: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
wrong() { say "$*"; usage >&2; exit 2; }
# `act COMMAND…`: does it, or under --dry-run says it.
act() {
  if [ -n "$dry" ]; then printf '  would run: %s\n' "$*" >&2; else "$@"; fi
}

from='' release='' pack='' config='' keystore='' password='' deadline=180 dry='' mode=install purge=''
while [ $# -gt 0 ]; do
  case $1 in
    --from | --release | --pack | --config | --keystore | --password-file | --health-deadline)
      [ $# -ge 2 ] || wrong "$1 needs a value"
      case $1 in
        --from) from=$2 ;;
        --release) release=$2 ;;
        --pack) pack=$2 mode=pack ;;
        --config) config=$2 ;;
        --keystore) keystore=$2 ;;
        --password-file) password=$2 ;;
        --health-deadline) deadline=$2 ;;
      esac
      shift ;;
    --rollback) mode=rollback ;;
    --uninstall) mode=uninstall ;;
    --purge) purge=1 ;;
    --dry-run) dry=1 ;;
    --help | -h) usage; exit 0 ;;
    *) wrong "unknown option '$1'" ;;
  esac
  shift
done
case $deadline in '' | *[!0-9]*) wrong "--health-deadline takes seconds, not '$deadline'" ;; esac

work=''
clean() { [ -z "$work" ] || rm -rf -- "$work"; }
trap clean EXIT
trap 'exit 130' INT TERM HUP

# ------------------------------------------------------------------------------------------------- a release
# `plain COMMAND…`: without this process's npm settings, but for those that say where packages come from.
plain() {
  set -- PATH="$PATH" HOME="${HOME:-/root}" "$@"
  for kept in npm_config_registry npm_config_cafile http_proxy https_proxy no_proxy NODE_EXTRA_CA_CERTS; do
    eval "value=\${$kept:-}"
    [ -z "$value" ] || set -- "$kept=$value" "$@"
  done
  env -i "$@"
}

# `build CHECKOUT FOLDER`: what a keeper needs of a checkout, with its packages and its own Node.
build() {
  src=$1 out=$2
  [ -f "$src/keeper/src/main.ts" ] || die "$src is no checkout of this project"
  command -v npm >/dev/null || die 'npm is missing: install Node.js 20.19 or newer, or use --release with a file that --pack made'
  for part in package.json package-lock.json .npmrc contracts/package.json contracts/protocol \
    chain/package.json chain/src gossip/package.json gossip/src service/package.json service/src keeper/package.json keeper/src keeper/install agent/package.json web/package.json; do
    [ -e "$src/$part" ] || continue
    mkdir -p "$out/$(dirname "$part")"
    cp -R "$src/$part" "$out/$part"
  done
  find "$out" -name '*.test.ts' -type f -exec rm -f {} +
  say 'fetching packages'
  (
    cd "$out"
    # Whoever runs this under npm or a test hands down settings that are meant for another folder.
    plain npm ci --ignore-scripts --omit=dev --no-audit --no-fund --loglevel=error --include-workspace-root \
      --workspace @decloud/keeper --workspace @decloud/chain --workspace @decloud/gossip --workspace @decloud/service --workspace @decloud/protocol >&2
  ) || die 'the packages could not be fetched, see above'
  # Headers and sources for compiling add-ons: nothing here is compiled.
  rm -rf "$out"/node_modules/node-linux-*/include "$out/node_modules/better-sqlite3/deps"
  number=$(sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$out/keeper/package.json" | head -n 1)
  # Of what is in it, so that the same sources are the same release whoever packs them.
  content=$(cd "$out" && find . -path ./node_modules -prune -o -type f -print | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-10)
  printf '%s-%s\n' "$number" "$content" > "$out/RELEASE"
  chmod -R go=u-w "$out"
  # Natives too: an npm on an older Node leaves some of them out without a word.
  (cd "$out/keeper" && ../node_modules/.bin/node -e 'import("koffi").then(() => new (require("better-sqlite3"))(":memory:"))' &&
    ../node_modules/.bin/node src/main.ts --version >/dev/null) || die 'the release does not run on this machine'
}

need_root() { [ "$(id -u)" = 0 ] || [ -n "$dry" ] || die 'this needs root'; }
need_systemd() {
  [ -d /run/systemd/system ] || [ -n "$dry" ] || die 'systemd does not run on this machine'
}

current() { readlink "$OPT/current" 2>/dev/null | sed 's|.*/||'; }

# `at VERSION VERB…`: a verb of that release, as the service user, with the unit's environment.
at() {
  version=$1
  shift
  # shellcheck disable=SC2016 # for the inner shell to expand
  runuser -u "$NAME" -- env -i PATH=/usr/bin:/bin DECLOUD_KEEPER_CONFIG="$ETC/keeper.json" \
    DECLOUD_KEEPER_DATA="$STATE" sh -c 'set -a; [ ! -r "$0" ] || . "$0"; set +a; exec "$@"' "$ETC/environment" \
    "$OPT/releases/$version/node_modules/.bin/node" "$OPT/releases/$version/keeper/src/main.ts" "$@"
}

# ------------------------------------------------------------------------------------------------- the machine
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

# The unit and the command belong to the release that runs.
put_unit() {
  version=$1
  act install -m 0644 "$OPT/releases/$version/keeper/install/$NAME.service" "$UNIT"
  act install -m 0755 "$OPT/releases/$version/keeper/install/$NAME.sh" "$COMMAND"
  act install -d -m 0755 "$UNIT.d"
  if [ -n "$dry" ]; then act write "$UNIT.d/credentials.conf"; else
    { echo '[Service]'; credentials; } > "$UNIT.d/credentials.conf"
  fi
  act systemctl daemon-reload
}

point_at() {
  act ln -sfn "releases/$1" "$OPT/.current.new"
  act mv -T "$OPT/.current.new" "$OPT/current"
}

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

# `healthy VERSION`: it answers, twice in a row, within the deadline, and is not being started over and over.
healthy() {
  [ -z "$dry" ] || return 0
  end=$(($(date +%s) + deadline)) good=0
  while [ "$(date +%s)" -lt "$end" ]; do
    case $(systemctl is-active "$NAME.service" || true) in
      active)
        if well "$1"; then good=$((good + 1)); else good=0; fi
        [ $good -lt 2 ] || return 0 ;;
      failed | inactive) return 1 ;;
      *) good=0 ;;
    esac
    [ "$(systemctl show --property=NRestarts --value "$NAME.service")" -lt 3 ] || return 1
    sleep 2
  done
  return 1
}

log_tail() {
  say "the last of its log (journalctl -u $NAME):"
  # Its own words, not systemd's about it.
  journalctl "_SYSTEMD_UNIT=$NAME.service" -n 8 --no-pager -o cat >&2 || true
}

# `start VERSION`: the release in place, and healthy or not.
start() {
  put_unit "$1"
  point_at "$1"
  act systemctl enable --quiet "$NAME.service"
  act systemctl restart "$NAME.service" || true
  healthy "$1"
}

# ------------------------------------------------------------------------------------------------- what it does
fetch() {
  [ -z "$from" ] || [ -z "$release" ] || wrong 'give --from or --release, not both'
  [ -n "$from$release" ] || wrong 'give --from CHECKOUT or --release FILE'
  if [ -n "$dry" ]; then
    say "would put the release of ${from:-$release} under $OPT/releases"
    new=NEW
    return 0
  fi
  mkdir -p "$OPT/releases"
  work=$(mktemp -d "$OPT/releases/.new-XXXXXX")
  mkdir "$work/release"
  if [ -n "$from" ]; then build "$from" "$work/release"
  else tar -xf "$release" -C "$work/release" --no-same-owner || die "$release is no release file"; fi
  new=$(cat "$work/release/RELEASE" 2>/dev/null) || die 'the release has no RELEASE file'
  case $new in '' | *[!A-Za-z0-9.+-]* | .*) die "the release has a strange version: '$new'" ;; esac
  chown -R 0:0 "$work/release"
  chmod 0755 "$work/release"
  if [ -d "$OPT/releases/$new" ]; then say "release $new is here already"
  else mv -T "$work/release" "$OPT/releases/$new"; fi
}

prune() {
  keep=" $(current) $old "
  # shellcheck disable=SC2012 # names are checked above: nothing strange in them
  for version in $(ls -1t "$OPT/releases" | tail -n "+$((KEPT_RELEASES + 1))"); do
    case $keep in *" $version "*) ;; *) act rm -rf -- "$OPT/releases/$version" ;; esac
  done
  # shellcheck disable=SC2012
  for copy in $(ls -1t "$STATE/backups" | tail -n "+$((KEPT_BACKUPS + 1))"); do act rm -f -- "$STATE/backups/$copy"; done
}

# `back VERSION COPY`: the old release, on the data as they are, else on the copy; a newer cache is read anew.
back() {
  say "going back to $1"
  if start "$1"; then say "$1 runs again"; return 0; fi
  if [ ! -f "${2:-/none}" ]; then log_tail; die "$1 does not become healthy either, and there is no copy to restore"; fi
  say 'it cannot go on with the data as they are: restoring the copy from before the upgrade'
  systemctl stop "$NAME.service"
  at "$1" restore --from "$2" >&2 || die "the copy $2 could not be restored"
  rm -f "$STATE/keeper.sqlite" "$STATE/keeper.sqlite-wal" "$STATE/keeper.sqlite-shm"
  if start "$1"; then say "$1 runs again, on the copy"; return 0; fi
  log_tail
  die "$1 does not become healthy on the copy either"
}

do_install() {
  need_root
  need_systemd
  old=$(current)
  make_room
  fetch
  if [ ! -f "$ETC/keeper.json" ] && [ -z "$dry$config" ]; then
    die "there is no $ETC/keeper.json: give one with --config (the release is in place; docs/keeper.md has the keys)"
  fi
  [ -n "$dry" ] || at "$new" config check >&2 || die "the release $new does not take the configuration: nothing was changed"
  copy=''
  if [ -n "$old" ] && [ "$old" != "$new" ] && [ -f "$STATE/local.sqlite" ]; then
    copy=$STATE/backups/local-$(date -u +%Y%m%dT%H%M%SZ)-$old.sqlite
    act at "$old" backup --to "$copy" >&2 || die 'the databases could not be copied: nothing was changed'
  fi
  say "${old:+$old → }$new"
  if start "$new"; then
    [ -z "$old" ] || [ "$old" = "$new" ] || act ln -sfn "releases/$old" "$OPT/previous"
    [ -n "$dry" ] || prune
    say "$new runs and is healthy"
    return 0
  fi
  log_tail
  if [ -z "$old" ] || [ "$old" = "$new" ]; then
    die "$new did not become healthy; it stays in place: see \`$NAME doctor\`"
  fi
  back "$old" "$copy"
  die "$new did not become healthy and was rolled back to $old"
}

do_rollback() {
  need_root
  need_systemd
  old=$(readlink "$OPT/previous" 2>/dev/null | sed 's|.*/||')
  if [ -z "$old" ] || [ ! -d "$OPT/releases/$old" ]; then die 'there is no release to go back to'; fi
  was=$(current)
  if [ -n "$dry" ]; then start "$old"; return 0; fi
  # shellcheck disable=SC2012 # our own names
  copy=$(ls -1t "$STATE/backups/"*"-$old.sqlite" 2>/dev/null | head -n 1)
  back "$old" "$copy"
  ln -sfn "releases/$was" "$OPT/previous"
}

do_uninstall() {
  need_root
  if [ -f "$UNIT" ]; then act systemctl disable --now --quiet "$NAME.service" || true; fi
  act rm -rf -- "$UNIT" "$UNIT.d" "$COMMAND" "$OPT"
  if [ -d /run/systemd/system ]; then act systemctl daemon-reload; fi
  if [ -n "$purge" ]; then
    act rm -rf -- "$STATE" "$ETC"
    if getent passwd "$NAME" >/dev/null; then act userdel "$NAME"; fi
    say 'removed, with configuration, key and databases'
  else
    say "removed; $ETC and $STATE are kept (--purge removes them too)"
  fi
}

do_pack() {
  [ -n "$from" ] || wrong '--pack needs --from CHECKOUT'
  if [ -n "$dry" ]; then say "would make $pack from $from"; return 0; fi
  work=$(mktemp -d)
  mkdir "$work/release"
  build "$from" "$work/release"
  tar -C "$work/release" --sort=name --owner=0 --group=0 --numeric-owner -czf "$pack.part" .
  mv "$pack.part" "$pack"
  say "release $(cat "$work/release/RELEASE") is in $pack"
}

old='' new=''
do_$mode
