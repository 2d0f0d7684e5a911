// What runs inside a guest to look at a service. Both texts are constants: whatever a tenant chose reaches them as an
// argument and is never read as shell. They take the first tool that the guest has, and say so when it has none.

/** `$0` of the scripts, by which they are known in the guest's process list. */
export const HTTP_CHECK = 'decloud-http-check'
export const TCP_CHECK = 'decloud-tcp-check'
export const EXEC_CHECK = 'decloud-exec-check'

/** Exit code of a script that found no tool to ask with. */
export const NO_TOOL = 120

const COMMON = `has() { command -v "$1" >/dev/null 2>&1; }
limit=
has timeout && limit="timeout $wait"`

/** scheme, port, path, seconds, hosts… → a status line or a status for each host that answered; stops at a 2xx. */
export const HTTP_SCRIPT = `scheme=$1 port=$2 path=$3 wait=$4
shift 4
${COMMON}
ask() {
  if has curl; then
    curl -gks --noproxy '*' -H 'Host: localhost' -o /dev/null -m "$wait" -w '%{http_code}' "$scheme://$1:$port$path"
  elif [ "$scheme" = http ] && has bash; then
    $limit bash -c 'exec 3<>"/dev/tcp/$1/$2" &&
      printf "GET %s HTTP/1.0\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n" "$3" >&3 &&
      IFS= read -r -t "$4" line <&3; printf "%s" "$line"' ask "$1" "$port" "$path" "$wait" 2>/dev/null
  elif [ "$scheme" = http ] && has nc; then
    printf 'GET %s HTTP/1.0\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' "$path" |
      $limit nc -w "$wait" "$1" "$port" 2>/dev/null | head -n 1
  elif has python3; then
    $limit python3 -c 'import http.client, ssl, sys
scheme, host, port, path, wait = sys.argv[1:6]
if scheme == "https":
    link = http.client.HTTPSConnection(host, int(port), timeout=float(wait), context=ssl._create_unverified_context())
else:
    link = http.client.HTTPConnection(host, int(port), timeout=float(wait))
link.request("GET", path, headers={"Host": "localhost"})
print(link.getresponse().status)' "$scheme" "$1" "$port" "$path" "$wait" 2>/dev/null
  else
    return ${NO_TOOL}
  fi
}
for host; do
  answer=$(ask "$host")
  [ $? = ${NO_TOOL} ] && exit ${NO_TOOL}
  printf '%s\\n' "$answer"
  case $answer in 2?? | HTTP/*' 2'*) exit 0 ;; esac
done
exit 1`

/** port, seconds, hosts… → 0 when one of them takes a connection. */
export const TCP_SCRIPT = `port=$1 wait=$2
shift 2
${COMMON}
for host; do
  if has bash; then
    $limit bash -c 'exec 3<>"/dev/tcp/$1/$2"' dial "$host" "$port" 2>/dev/null && exit 0
  elif has nc; then
    $limit nc -w "$wait" "$host" "$port" </dev/null >/dev/null 2>&1 && exit 0
  elif has python3; then
    $limit python3 -c 'import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))' "$host" "$port" "$wait" 2>/dev/null && exit 0
  else
    exit ${NO_TOOL}
  fi
done
exit 1`

/** seconds, program, arguments… → what the program exits with; cut off where the guest can do that. */
export const EXEC_SCRIPT = `wait=$1
shift
command -v timeout >/dev/null 2>&1 && exec timeout "$wait" "$@"
exec "$@"`
