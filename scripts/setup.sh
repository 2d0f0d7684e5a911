#!/bin/sh
# Makes a fresh clone able to run everything: npm packages with their own Node, Debian packages, compiled contracts.
#   scripts/setup.sh [hypervisor] [browser] [-- COMMAND …]
# and then becomes the command, so that a signal reaches whatever runs at the time. Plain sh, because what it installs includes the Node that everything else runs on. Every step is skipped when it is
# done already; an interrupted one repeats. Progress goes to stderr, stdout stays empty.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# `run COMMAND…`: in the background and waited for, because a shell handles no signal while a command is in front.
child=
run() {
  "$@" 9>&- &
  child=$!
  status=0
  wait "$child" || status=$?
  child=
  return "$status"
}
stop() {
  trap '' INT TERM HUP
  say 'interrupted; the next run goes on from here'
  [ -n "$child" ] || exit 130
  kill -TERM "$child" 2>/dev/null || true
  # npm finishes what it unpacks before it ends, half a minute of it: the next run begins that anew anyway.
  patience=3
  while [ $patience -gt 0 ] && kill -0 "$child" 2>/dev/null; do sleep 1; patience=$((patience - 1)); done
  kill -KILL "$child" 2>/dev/null || true
  wait "$child" 2>/dev/null || true
  exit 130
}
trap stop INT TERM HUP

command -v npm >/dev/null || die 'npm is missing: install Node.js 20.19 or newer, which brings it'
command -v node >/dev/null || die 'node is missing: install Node.js 20.19 or newer'

# ---------------------------------------------------------------------------------------------- npm packages
# Two set-ups at once (a demo beside a test run) take turns.
mkdir -p .cache
if command -v flock >/dev/null; then
  exec 9>.cache/setup.lock
  flock -n 9 || { say 'another set-up is running, waiting for it (10 min at most)'; flock -w 600 9 || die 'the other set-up did not end'; }
fi

machine=$(uname -m)
stamp="$(cat package-lock.json .npmrc | sha256sum | cut -d' ' -f1) $machine"
if [ "$(cat node_modules/.setup-stamp 2>/dev/null)" != "$stamp" ]; then
  say 'installing npm packages (about 30 s)'
  rm -f node_modules/.setup-stamp
  # Without python and make, npm's implicit rebuild of a package that ships prebuilt would fail: nothing needs scripts.
  run npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
    die 'npm ci failed, see above; run this again when the network is back'
  if [ "$machine" = aarch64 ] && [ ! -x node_modules/.bin/node ]; then
    . scripts/lib/node-payload.sh
    got=$(npm view "$ARM64_NODE" dist.integrity 9>&-)
    [ "$got" = "$ARM64_NODE_INTEGRITY" ] || die "$ARM64_NODE has the integrity '$got', expected '$ARM64_NODE_INTEGRITY': refusing it"
    run npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error "$ARM64_NODE" >&2
  fi
  PATH="$PWD/node_modules/.bin:$PATH" npm_execpath=$(command -v npm) node scripts/ensure-runtime.mjs >&2 9>&- ||
    die 'the packages are installed, but no Node.js that can run them was found, see above'
  echo "$stamp" > node_modules/.setup-stamp
fi
PATH="$PWD/node_modules/.bin:$PATH"
export PATH

# ---------------------------------------------------------------------------------------------- Debian packages
# `need WHAT COMMAND PACKAGE…`: installs the packages when the command is missing. Never fatal: who asked finds out.
updated=
need() {
  what=$1 probe=$2
  shift 2
  command -v "$probe" >/dev/null && return 0
  if [ "$(id -u)" != 0 ]; then say "$what is not installed; as root this set-up would install: $*"; return 0; fi
  command -v apt-get >/dev/null || { say "$what is not installed, and this is no Debian: install it by hand"; return 0; }
  if [ -z "$updated" ]; then say 'refreshing the list of Debian packages'; run apt-get update -qq >&2 || true; updated=1; fi
  say "installing $what"
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  run apt-get install -y -qq --no-install-recommends "$@" >.cache/apt.log 2>&1 ||
    { tail -5 .cache/apt.log >&2; say "$what could not be installed (whole log: .cache/apt.log)"; }
}
while [ $# -gt 0 ]; do
  part=$1
  shift
  case $part in
    --) break ;;
    hypervisor)
      need 'QEMU' qemu-system-x86_64 qemu-system-x86 qemu-utils
      need 'QEMU for ARM guests' qemu-system-aarch64 qemu-system-arm qemu-efi-aarch64
      need 'libvirt' virsh libvirt-daemon libvirt-daemon-driver-qemu libvirt-daemon-system libvirt-clients dnsmasq-base
      need 'the guest image tools' mmdebstrap mmdebstrap genisoimage cpio busybox-static kmod e2fsprogs
      need 'virt-xml-validate' xmllint libxml2-utils
      need 'the SSH client' ssh openssh-client
      need 'the SFTP server' /usr/lib/openssh/sftp-server openssh-sftp-server
      need 'ip' ip iproute2
      need 'the benchmark' sysbench sysbench
      need 'lspci' lspci pciutils
      ;;
    browser) need 'Chromium' chromium chromium fonts-dejavu-core ;;
    *) die "unknown part '$part': hypervisor or browser" ;;
  esac
done

# ---------------------------------------------------------------------------------------------- contracts
# Hardhat has a cache of its own, but starting it to find nothing to do takes seconds.
sources=$(find contracts/src hardhat.config.ts -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1)
if [ "$(cat build/hardhat/.stamp 2>/dev/null)" != "$sources" ]; then
  say 'compiling the contracts (about 15 s)'
  mkdir -p .cache
  run hardhat build --no-tests >.cache/hardhat.log 2>&1 || { cat .cache/hardhat.log >&2; die 'the contracts do not compile'; }
  echo "$sources" > build/hardhat/.stamp
fi

if [ $# -gt 0 ]; then
  exec 9>&-
  trap - INT TERM HUP
  exec "$@"
fi
