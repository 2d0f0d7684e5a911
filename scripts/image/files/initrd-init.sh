#!/bin/busybox sh
# Finds the root disk and hands over to its init: all that a guest on virtio needs of an initramfs.
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
for m in /mods/*.ko; do /bin/busybox insmod "$m"; done
n=0
while [ ! -b /dev/vda ] && [ $n -lt 100 ]; do /bin/busybox sleep 0.1; n=$((n + 1)); done
if ! /bin/busybox mount -t ext4 -o ro /dev/vda /root; then
  echo 'initrd: cannot mount /dev/vda as the root file system' > /dev/console
  /bin/busybox poweroff -f
fi
/bin/busybox mount --move /dev /root/dev
/bin/busybox umount /proc
/bin/busybox umount /sys
exec /bin/busybox switch_root /root /sbin/init
