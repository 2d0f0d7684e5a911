#!/bin/sh
# systemctl, as far as the installer asks it. A release says in its file `health` what becomes of it once it is started:
# a word for its status, `dies`, or `spoils` (dies, and leaves a database that only a newer one reads).
set -eu
state=${0%/bin/*}/units
current=/opt/decloud-node/current
database=/var/lib/decloud-node/agent.db
echo "$*" >> "$state/log"
begin() {
  health=$(cat "$current/health")
  if [ "$health" != spoils ] && [ "$(cat $database 2>/dev/null)" = newer ]; then health=dies; fi
  [ "$health" != spoils ] || { echo newer > $database; health=dies; }
  if [ "$health" = dies ]; then echo failed > "$state/active"; : > "$state/text"; return 1; fi
  echo active > "$state/active"
  echo "$health: node 1" > "$state/text"
}
case $1 in
  is-active) cat "$state/active" 2>/dev/null || echo inactive ;;
  start | restart) begin ;;
  stop) echo inactive > "$state/active"; : > "$state/text" ;;
  disable) echo inactive > "$state/active" ;;
  show) case $2 in *StatusText) cat "$state/text" 2>/dev/null ;; *NRestarts) echo 0 ;; esac ;;
  enable | daemon-reload) ;;
  *) echo "systemctl: what is $1?" >&2; exit 1 ;;
esac
