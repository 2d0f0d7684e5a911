# Debian 12 with cloud-init, guest agent and sshd; direct kernel boot with a small initrd. Called by build.sh.
# In: $work, $out, $IMAGE_SCRIPTS, $DEBIAN_ARCH. Out: disk.qcow2, vmlinuz, initrd.img, boot.env in $out.
set -euo pipefail
. "$IMAGE_SCRIPTS/debian-sources.sh"
. "$IMAGE_SCRIPTS/initrd.sh"
root=$work/rootfs

packages=systemd-sysv,udev,dbus,kmod,linux-image-cloud-$DEBIAN_ARCH,cloud-init,qemu-guest-agent,openssh-server
packages+=,iproute2,iputils-ping,netbase,ca-certificates,sudo,systemd-resolved,e2fsprogs,busybox-static,curl

echo 'installing Debian packages (about a minute)'
debian_sources > "$work/sources.list"
mmdebstrap --mode=root --variant=minbase --include="$packages" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --aptopt='Apt::Install-Recommends "false"' \
  bookworm "$root" - < "$work/sources.list"

echo 'trimming the boot'
kernel=$(ls "$root/lib/modules")
sh "$IMAGE_SCRIPTS/trim.sh" "$root"
# The guest keeps the mirror of the machine that built it.
cp "$work/sources.list" "$root/etc/apt/sources.list"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*

echo 'packing kernel, initrd and disk'
cp "$root/boot/vmlinuz-$kernel" "$out/vmlinuz"
initrd=$work/initrd
mkdir -p "$initrd"/bin "$initrd"/proc "$initrd"/sys "$initrd"/dev "$initrd"/root
cp "$root/bin/busybox" "$initrd/bin/busybox"
install -m 0755 "$IMAGE_SCRIPTS/files/initrd-init.sh" "$initrd/init"
collect_modules "$root" "$kernel" "$initrd/mods" virtio_pci virtio_blk ext4
pack_initrd "$initrd" "$out/initrd.img"
rm -f "$root"/boot/initrd.img-*

truncate -s 2G "$work/disk.raw"
mke2fs -q -t ext4 -L root -d "$root" "$work/disk.raw"
qemu-img convert -f raw -O qcow2 "$work/disk.raw" "$out/disk.qcow2"
case $DEBIAN_ARCH in arm64) console=ttyAMA0 ;; *) console=ttyS0 ;; esac
echo "CMDLINE='root=/dev/vda console=$console quiet net.ifnames=0'" > "$out/boot.env"
