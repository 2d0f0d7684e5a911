# collect_modules ROOT KERNEL DEST MODULE...: copies the modules and what they depend on, numbered in load order.
collect_modules() {
  local root=$1 kernel=$2 dest=$3 m n=100 file
  shift 3
  mkdir -p "$dest"
  for m in "$@"; do modprobe -d "$root" -S "$kernel" --show-depends "$m"; done |
    awk '/^insmod/ && !seen[$2]++ { print $2 }' |
    while read -r file; do
      cp "$file" "$dest/$n-$(basename "$file")"
      n=$((n + 1))
    done
}

# pack_initrd DIR FILE
pack_initrd() { (cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | gzip -9n) > "$2"; }
