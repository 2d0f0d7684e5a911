#!/bin/busybox sh
# Init of the tiny guest. Reads the seed that the agent writes for cloud-init (user-data is JSON, one item a line, see
# agent/src/guest/seed.ts) and reports as cloud-init does: result.json. dropbear knows no certificates: keys and
# passwords alone enter this guest.
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /run/cloud-init
mount -t devpts devpts /dev/pts
for m in /mods/*.ko; do insmod "$m"; done

errors=
fail() { echo "tiny: $1" > /dev/console; errors="$errors${errors:+, }\"$1\""; }

mkdir -p /dev/virtio-ports
for port in /sys/class/virtio-ports/*; do
  name=$(cat "$port/name" 2>/dev/null)
  if [ -n "$name" ]; then ln -sf "/dev/${port##*/}" "/dev/virtio-ports/$name"; fi
done

mkdir -p /disk /mnt
if mount -t ext4 /dev/vda /disk; then
  mkdir -p /disk/dropbear /disk/home /disk/root
  for d in /disk/dropbear:/etc/dropbear /disk/home:/home /disk/root:/root; do mount -o bind "${d%%:*}" "${d##*:}"; done
else
  fail 'cannot mount /dev/vda'
fi

echo 'root:x:0:' > /etc/group
echo 'root:x:0:0:root:/root:/bin/sh' > /etc/passwd
echo 'root:*:19000:0:99999:7:::' > /etc/shadow
chmod 600 /etc/shadow
echo /bin/sh > /etc/shells
echo '127.0.0.1 localhost' > /etc/hosts

# First value of a JSON key; what follows a key such as "content" in the block of a given path.
value() { sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p" /mnt/user-data | head -n 1; }
if mount -t iso9660 -o ro /dev/vdb /mnt && [ -f /mnt/user-data ]; then
  hostname "$(sed -n 's/^ *"local-hostname": "\(.*\)",\{0,1\}$/\1/p' /mnt/meta-data)"
  user=$(value name)
  hash=$(value passwd)
  if [ -n "$user" ]; then
    home=/home/$user
    echo "$user:x:1000:1000::$home:/bin/sh" >> /etc/passwd
    echo "$user:x:1000:" >> /etc/group
    echo "$user:${hash:-*}:19000:0:99999:7:::" >> /etc/shadow
    mkdir -p "$home/.ssh"
    # dropbear knows no `restrict` and no `from`: what it knows of them is put in their place.
    sed -n '/"ssh_authorized_keys": \[$/,/^ *\]/s/^ *"\(.*\)",\{0,1\}$/\1/p' /mnt/user-data |
      sed 's/^restrict[^ ]* /no-port-forwarding,no-agent-forwarding,no-X11-forwarding /' > "$home/.ssh/authorized_keys"
    chmod 700 "$home" "$home/.ssh"
    chmod 600 "$home/.ssh/authorized_keys"
    chown -R 1000:1000 "$home"
  else
    fail 'no user in the seed'
  fi
  mkdir -p /etc/decloud
  (umask 077; value content | base64 -d > /etc/decloud/env)
  host_key=$(value ed25519_private)
  if [ -n "$host_key" ]; then
    (umask 077; printf '%b' "$host_key" > /run/host_key)
    dropbearconvert openssh dropbear /run/host_key /etc/dropbear/ed25519 > /dev/null 2>&1 || fail 'the host key in the seed is unusable'
    rm -f /run/host_key
  fi
  umount /mnt
else
  fail 'no seed on /dev/vdb'
fi

ip link set lo up
ip link set eth0 up
qemu-ga -d -m virtio-serial -p /dev/virtio-ports/org.qemu.guest_agent.0 -t /run --pidfile /run/qga.pid
udhcpc -i eth0 -s /sbin/tiny-dhcp -t 10 -T 1 -b > /dev/null 2>&1

[ -f /etc/dropbear/ed25519 ] || dropbearkey -t ed25519 -f /etc/dropbear/ed25519 > /dev/null 2>&1 || fail 'cannot make a host key'
dropbearkey -y -f /etc/dropbear/ed25519 | grep '^ssh-ed25519 ' > /etc/ssh/ssh_host_ed25519_key.pub
dropbear -r /etc/dropbear/ed25519 -P /run/dropbear.pid || fail 'cannot start sshd'

printf '{ "v1": { "datasource": "DataSourceNoCloud", "errors": [%s] } }\n' "$errors" > /run/cloud-init/.result
mv /run/cloud-init/.result /run/cloud-init/result.json
echo "tiny: ready after $(cut -d' ' -f1 /proc/uptime) s" > /dev/console

# Busybox's poweroff and the guest agent's shutdown signal init: TERM reboots, USR2 powers off, USR1 halts.
down() { sync; umount /home /root /etc/dropbear /disk; sync; exec "$1" -f; }
trap 'down poweroff' USR1 USR2
trap 'down reboot' TERM
while :; do sleep 3600 & wait $!; done
