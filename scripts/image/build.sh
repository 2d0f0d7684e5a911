#!/bin/bash
# Builds a guest image from Debian packages, or finds it in the cache; its directory is the only line on stdout.
#   scripts/image/build.sh debian-12 | tiny [amd64 | arm64]
# Needs root, qemu-utils, cpio, kmod, and mmdebstrap for debian-12. DECLOUD_CACHE moves the cache.
# The tiny image can be built for another architecture than this machine's; it is then called tiny-arm64, for example.
# A build is immutable and keyed by a hash of these scripts: overlays keep the base they were made on.
set -euo pipefail

recipe=${1:-}
native=$(dpkg --print-architecture)
arch=${2:-$native}
here=$(cd "$(dirname "$0")" && pwd)
usage() { echo "usage: $0 debian-12|tiny [amd64|arm64]" >&2; exit 64; }
case $recipe in debian-12 | tiny) ;; *) usage ;; esac
case $arch in amd64 | arm64) ;; *) usage ;; esac
id=$recipe
if [ "$arch" != "$native" ]; then
  [ "$recipe" = tiny ] || { echo "debian-12 runs programs of the guest while it is built: build it on $arch" >&2; exit 64; }
  id=$recipe-$arch
fi

say() { printf 'image %s: %s\n' "$id" "$*" >&2; }
die() { say "$*"; exit 1; }

# QEMU runs as its own user: every directory above the image must let that user through.
reachable() {
  local p=$1
  while [ "$p" != / ]; do
    if [ -e "$p" ]; then case $(stat -c %A "$p") in *[xt]) ;; *) return 1 ;; esac; fi
    p=$(dirname "$p")
  done
}
cache=${DECLOUD_CACHE:-$(cd "$here/../.." && pwd)/.cache}
if [ -z "${DECLOUD_CACHE:-}" ] && ! reachable "$cache"; then cache=/var/cache/decloud; fi

key=$(cd "$here" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-16)
images=$cache/images
final=$images/$id/$key
umask 022

finish() {
  ln -sfn "$key" "$images/$id/.current.$$" && mv -T "$images/$id/.current.$$" "$images/$id/current"
  echo "$final"
}

if [ -f "$final/manifest.json" ]; then finish; exit 0; fi
[ "$(id -u)" = 0 ] || die 'building needs root: run this as root once, later runs use the cache'

mkdir -p "$images/$id"
exec 9>"$images/$id/.lock"
if ! flock -n 9; then say 'another build is running, waiting for it'; flock -w 1200 9 || die 'the other build did not end within 20 min'; fi
if [ -f "$final/manifest.json" ]; then finish; exit 0; fi
rm -rf "$images/$id"/.build-*

started=$(date +%s)
work=$images/$id/.build-$$
export work out=$work/out
mkdir -p "$out"

# Deleting a tree that still has /proc or /dev mounted in it would reach the host: unmount first, give up if that fails.
clean() {
  local m
  trap '' INT TERM HUP
  [ -d "$work" ] || return 0
  for m in $(awk -v w="$work/" 'index($2, w) == 1 { print $2 }' /proc/mounts | sort -r); do umount "$m" || umount -l "$m" || true; done
  if grep -q " $work/" /proc/mounts; then say "could not unmount everything under $work: left in place"; return 0; fi
  rm -rf --one-file-system "$work"
}
# The build runs in a session of its own in the background, so that a signal to this script is handled at once.
child=
stop() {
  say 'interrupted, cleaning up'
  if [ -n "$child" ]; then kill -TERM -- "-$child" 2>/dev/null || true; wait "$child" 2>/dev/null || true; fi
  exit 130
}
trap stop INT TERM HUP
trap clean EXIT

export DEBIAN_ARCH=$arch IMAGE_SCRIPTS=$here
setsid bash "$here/$recipe.sh" 9>&- </dev/null >&2 &
child=$!
wait "$child" || die 'the build failed, see above; nothing was kept'
child=

. "$out/boot.env"
disk_bytes=$(qemu-img info --output=json "$out/disk.qcow2" | sed -n 's/.*"virtual-size": *\([0-9]*\).*/\1/p' | head -1)
case $arch in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; esac
entry() { printf '    "%s": { "file": "%s", "sha256": "%s" }' "$1" "$2" "$(sha256sum "$out/$2" | cut -d' ' -f1)"; }
{
  printf '{\n  "version": 1,\n  "id": "%s",\n  "buildKey": "%s",\n  "arch": "%s",\n' "$id" "$key" "$machine"
  printf '  "virtualSizeBytes": %s,\n  "cmdline": "%s",\n  "files": {\n' "$disk_bytes" "$CMDLINE"
  entry disk disk.qcow2; printf ',\n'; entry kernel vmlinuz; printf ',\n'; entry initrd initrd.img
  printf '\n  }\n}\n'
} > "$out/manifest.json.part"
rm "$out/boot.env"
chmod 0444 "$out/disk.qcow2" "$out/vmlinuz" "$out/initrd.img"
mv "$out/manifest.json.part" "$out/manifest.json"
sync -f "$out"
mv -T "$out" "$final"
say "built in $(( $(date +%s) - started )) s: $(du -sh "$final" | cut -f1) in $final"
finish
