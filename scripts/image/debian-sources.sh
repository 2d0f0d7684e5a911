# Prints this machine's own Debian sources as one-line entries; other vendors' repositories are left out.
# mmdebstrap finds the keyring.
debian_sources() {
  local lines
  lines=$(apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' |
    awk -F'|' '$1 == "Debian" && $2 ~ /^bookworm/ && !seen[$3 $4 $5]++ {
      print "deb", $3, $4, $5 }')
  if [ -z "$lines" ]; then
    echo 'no Debian 12 (bookworm) repository among the apt sources, or no apt-get update yet' >&2
    return 1
  fi
  printf '%s\n' "$lines"
}
