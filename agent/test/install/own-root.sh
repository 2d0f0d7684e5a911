#!/bin/sh
# own-root.sh WORK COMMAND…: in a mount namespace, with /etc copied and /opt, /var/lib/decloud-node, /usr/local/bin and
# /run/systemd empty, in memory; with a systemctl and a virsh that only note what they are told. Called by unshare --mount.
set -eu
work=$1
shift
tmp() { mkdir -p "$1"; mount -t tmpfs -o mode=755 own-root "$1"; }
copy=$(mktemp -d)
cp -a /etc/. "$copy"
tmp /etc
cp -a "$copy"/. /etc
rm -rf "$copy"
for folder in /opt /var/lib /usr/local/bin /run/systemd; do tmp "$folder"; done
mkdir -p /run/systemd/system /etc/systemd/system /var/lib/decloud-node "$work/units"
printf 'ID=debian\nVERSION_ID="12"\n' > /etc/os-release.new
mv -f /etc/os-release.new /etc/os-release
PATH=$work/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
exec "$@"
