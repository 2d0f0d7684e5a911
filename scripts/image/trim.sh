# trim.sh ROOT: makes a Debian root boot as a NoCloud guest and leaves out what a virtual machine never uses.
set -eu
root=$1

cat > "$root/etc/cloud/cloud.cfg.d/90_decloud.cfg" <<'E'
datasource_list: [NoCloud, None]
manage_etc_hosts: true
locale: C.UTF-8
apt_preserve_sources_list: true
ssh_genkeytypes: [ed25519]
no_ssh_fingerprints: true
growpart: {mode: 'off'}
cloud_init_modules: [write-files, resizefs, set_hostname, update_hostname, update_etc_hosts, users-groups, ssh]
cloud_config_modules: [set-passwords, timezone, runcmd]
cloud_final_modules: [package-update-upgrade-install, scripts-user, final-message]
E
# cloud-init is finished, and with it the System check, only once sshd accepts logins.
mkdir -p "$root/etc/systemd/system/cloud-final.service.d"
printf '[Unit]\nAfter=ssh.service\nWants=ssh.service\n' > "$root/etc/systemd/system/cloud-final.service.d/ssh.conf"

echo 'LABEL=root / ext4 defaults,noatime,errors=remount-ro 0 1' > "$root/etc/fstab"
echo debian > "$root/etc/hostname"
: > "$root/etc/machine-id"
rm -f "$root"/etc/ssh/ssh_host_*
rm -f "$root"/etc/apt/sources.list.d/*

ln -sfn /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
chroot "$root" systemctl enable -q systemd-networkd systemd-resolved
ln -sfn /run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
for unit in systemd-networkd-wait-online.service e2scrub_reap.service e2scrub_all.timer apt-daily.timer \
  apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer man-db.timer dev-hugepages.mount \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount modprobe@drm.service \
  modprobe@fuse.service modprobe@efi_pstore.service modprobe@configfs.service systemd-binfmt.service \
  proc-sys-fs-binfmt_misc.automount systemd-pstore.service systemd-update-utmp.service \
  systemd-update-utmp-runlevel.service cloud-init-hotplugd.socket getty@tty1.service \
  systemd-modules-load.service kmod-static-nodes.service systemd-firstboot.service; do
  ln -sfn /dev/null "$root/etc/systemd/system/$unit"
done
