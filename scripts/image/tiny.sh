# A guest of a few megabytes that is ready in seconds: busybox, the real guest agent, dropbear, a NoCloud reader.
# Called by build.sh. In: $work, $out, $IMAGE_SCRIPTS, $DEBIAN_ARCH. Out: disk.qcow2, vmlinuz, initrd.img, boot.env.
set -euo pipefail
. "$IMAGE_SCRIPTS/initrd.sh"
. "$IMAGE_SCRIPTS/apt-for.sh"

prepare_apt
kernel_package=$(apt_for apt-cache depends "linux-image-cloud-$DEBIAN_ARCH" | awk '$1 == "Depends:" && /linux-image-/ { print $2; exit }')
[ -n "$kernel_package" ] || { echo "apt knows no linux-image-cloud-$DEBIAN_ARCH: run apt-get update"; exit 1; }
packages="$kernel_package busybox-static qemu-guest-agent dropbear-bin libtomcrypt1 libtommath1 libc6 libgcc-s1
  libglib2.0-0 libpcre2-8-0 libnuma1 libudev1 liburing2 libcrypt1 zlib1g libgmp10"

echo 'downloading Debian packages'
mkdir -p "$work/debs" "$work/packages"
# apt's own user cannot write here, and need not: the files are checked against the signed index either way.
(cd "$work/debs" && apt_for apt-get -o APT::Sandbox::User=root -qq download $packages)
for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/packages"; done

echo 'packing kernel, initrd and disk'
from=$work/packages root=$work/root
kernel=$(ls "$from/lib/modules")
depmod -b "$from" "$kernel"
mkdir -p "$root"/{bin,sbin,proc,sys,dev,mods,run,var/run,tmp,root,mnt,home,lib,lib64,usr/bin,usr/sbin} \
  "$root"/etc/{dropbear,ssh,decloud}
cp "$from/bin/busybox" "$root/bin/busybox"
cp "$from"/usr/sbin/qemu-ga "$from"/usr/sbin/dropbear "$root/usr/sbin/"
cp "$from/usr/bin/dropbearkey" "$from/usr/bin/dropbearconvert" "$root/usr/bin/"
install -m 0755 "$IMAGE_SCRIPTS/files/tiny-init.sh" "$root/init"
install -m 0755 "$IMAGE_SCRIPTS/files/tiny-dhcp.sh" "$root/sbin/tiny-dhcp"
# The guest agent powers the guest off through /sbin/shutdown.
printf '#!/bin/busybox sh\nkill -USR2 1\n' > "$root/sbin/shutdown"
chmod 0755 "$root/sbin/shutdown"

loader=$(cd "$from" && ls lib/*/ld-linux-*.so.* | head -1)
libraries=$(dirname "$loader")
mkdir -p "$root/$libraries"
# What a program needs is named in it as text. Nothing of the guest's architecture is run here: it may not be ours.
add_libraries() {
  local library name
  for library in "$from/$libraries"/*.so.* "$from/usr/$libraries"/*.so.*; do
    name=${library##*/}
    [ ! -e "$root/$libraries/$name" ] || continue
    grep -qaF "$name" "$1" || continue
    cp -L "$library" "$root/$libraries/"
    add_libraries "$library"
  done
}
for program in usr/sbin/qemu-ga usr/sbin/dropbear usr/bin/dropbearkey usr/bin/dropbearconvert; do add_libraries "$from/$program"; done
cp -L "$from/$libraries/libnss_files.so.2" "$root/$libraries/"
cp -L "$from/$loader" "$root/$libraries/"
# The path of the loader is fixed by the architecture's ABI.
case $DEBIAN_ARCH in
  amd64) cp -L "$from/$loader" "$root/lib64/ld-linux-x86-64.so.2"; console=ttyS0 ;;
  arm64) cp -L "$from/$loader" "$root/lib/ld-linux-aarch64.so.1"; console=ttyAMA0 ;;
esac

collect_modules "$from" "$kernel" "$root/mods" virtio_pci virtio_blk virtio_net virtio_console virtio-rng isofs ext4
pack_initrd "$root" "$out/initrd.img"
cp "$from/boot/vmlinuz-$kernel" "$out/vmlinuz"

# The overlay keeps what must survive a reboot: the host key and the tenant's home.
truncate -s 64M "$work/disk.raw"
mke2fs -q -t ext4 -L tiny "$work/disk.raw"
qemu-img convert -f raw -O qcow2 "$work/disk.raw" "$out/disk.qcow2"
echo "CMDLINE='console=$console quiet net.ifnames=0'" > "$out/boot.env"
