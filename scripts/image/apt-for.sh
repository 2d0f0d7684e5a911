# Debian packages for $DEBIAN_ARCH, which may be another architecture than this machine's. In: $work.
. "$IMAGE_SCRIPTS/debian-sources.sh"

# prepare_apt: for a foreign architecture, a private apt with the machine's own sources; the machine's stays as it is.
prepare_apt() {
  apt_options=()
  [ "$DEBIAN_ARCH" != "$(dpkg --print-architecture)" ] || return 0
  local root=$work/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -f "$keyring" ] || { echo "$keyring is missing: install debian-archive-keyring"; return 1; }
  mkdir -p "$root"/etc/apt/{preferences.d,trusted.gpg.d} "$root"/var/lib/apt/lists/partial "$root"/var/cache/apt/archives/partial "$root"/var/lib/dpkg
  : > "$root/var/lib/dpkg/status"
  cp "$keyring" "$root/etc/apt/trusted.gpg.d/"
  debian_sources > "$root/etc/apt/sources.list"
  # apt's own user cannot write here, and need not: what comes is checked against the signed index either way.
  apt_options=(-o "Dir=$root" -o "Dir::State::status=$root/var/lib/dpkg/status"
    -o "APT::Architecture=$DEBIAN_ARCH" -o "APT::Architectures=$DEBIAN_ARCH" -o APT::Sandbox::User=root
    -o Acquire::Languages=none)
  echo "fetching the list of Debian packages for $DEBIAN_ARCH"
  apt_for apt-get -qq update
}

# apt_for COMMAND ARG…: apt-get or apt-cache that sees the packages of $DEBIAN_ARCH.
apt_for() {
  local command=$1
  shift
  "$command" ${apt_options[@]+"${apt_options[@]}"} "$@"
}
