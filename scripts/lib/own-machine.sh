#!/bin/sh
# The inside of own-machine.ts: process 1 of fresh mount, network, process and IPC namespaces. Gives libvirt and QEMU
# folders of their own, then runs the command and ends with its exit code.
#   own-machine.sh SCRATCH COMMAND …
# SCRATCH is an existing folder; everything that this machine writes outside of it is in memory and gone with it.
set -eu
scratch=$1
shift

ip link set lo up
mount -t tmpfs -o mode=755 own-run /run
mkdir -p /run/lock /run/libvirt
# Configuration is the host's, state is not: guests and networks that the host's libvirt knows must not be started here.
for folder in /etc/libvirt /var/lib/libvirt /var/cache/libvirt; do
  copy=$scratch/copy
  cp -a "$folder" "$copy"
  rm -rf "$copy"/qemu/*.xml "$copy"/qemu/autostart "$copy"/qemu/networks "$copy"/qemu/domain-* "$copy"/dnsmasq/*
  mount -t tmpfs -o mode=755 own-libvirt "$folder"
  cp -a "$copy"/. "$folder"/
  rm -rf "$copy"
done
# The kernel shows the network devices of the namespace that /sys was mounted in: these two folders, through which libvirt
# sets what a bridge's port may do, are taken from one that is mounted here.
mkdir "$scratch/sys"
mount -t sysfs own-sys "$scratch/sys"
for folder in class/net devices/virtual/net; do mount --bind "$scratch/sys/$folder" "/sys/$folder"; done
umount -l "$scratch/sys"
rmdir "$scratch/sys"
# Control groups below one of this machine's own, by which its owner finds and removes them.
name=${scratch##*/}
own_group() { mkdir -p "$1/$name" && mount --bind "$1/$name" "$1"; }
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  own_group /sys/fs/cgroup
else
  for folder in /sys/fs/cgroup/*/; do
    if [ -e "$folder/cgroup.procs" ]; then own_group "${folder%/}"; fi
  done
fi
# cpuset groups start empty, and nothing can run in an empty one.
if [ -e /sys/fs/cgroup/cpuset/cpuset.cpus ]; then
  allowed() { sed -n "s/^$1_allowed_list:[[:space:]]*//p" /proc/self/status; }
  allowed Cpus >/sys/fs/cgroup/cpuset/cpuset.cpus
  allowed Mems >/sys/fs/cgroup/cpuset/cpuset.mems
fi
# Logs are kept in the scratch folder: they are what a finding is explained with.
mkdir -p "$scratch/libvirt-log/qemu"
mount --bind "$scratch/libvirt-log" /var/log/libvirt

# A libvirtd that is started again finds its guests' groups by /proc/PID/cgroup: it has to name them as this machine does,
# from its own root. That is where this shell stands when the namespace is made.
groups=
if [ ! -f /sys/fs/cgroup/cgroup.controllers ]; then
  for folder in /sys/fs/cgroup/*/; do
    if [ -e "$folder/cgroup.procs" ]; then echo $$ >"$folder/cgroup.procs"; fi
  done
  groups='unshare --cgroup'
fi
# This shell stays: process 1 has to reap whatever is orphaned, and libvirt waits for a killed QEMU to be gone.
$groups "$@" &
status=0
wait $! || status=$?
exit "$status"
