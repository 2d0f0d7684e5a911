// What `npm run lease -- --help` prints.
import { BANDWIDTH_TIERS, QUALITY_TIERS } from '@decloud/protocol'

export const HELP = `usage: npm run lease -- open --node <index> --ssh-key <file> [options]
       npm run lease -- open --any-node --max-price <USDC> --ssh-key <file> [options]
       npm run lease -- post <leaseId>
       npm run lease -- list [--all]
       npm run lease -- status <leaseId>
       npm run lease -- stop|start|reboot|restore <leaseId>
       npm run lease -- reinstall <leaseId> --yes
       npm run lease -- ssh <leaseId> [-- <command> …]
       npm run lease -- certificate <leaseId> --key <file.pub>
       npm run lease -- manifest <leaseId> --ssh-key <file> [options]
       npm run lease -- close <leaseId>

  --deployment <file>   the contracts (or DECLOUD_DEPLOYMENT)
  --rpc <urls>          JSON-RPC URLs, separated by commas (or DECLOUD_RPC_URLS)
  --json                one line of JSON on stdout; progress stays on stderr

open:
  --image <name>        base image, debian-12 by default
  --hostname <name>     vm by default
  --vcpus <n>           1 by default       --memory <MiB>    1024 by default
  --disk <GiB>          10 by default      --gpus <n>        0 by default
  --tier <name>         ${QUALITY_TIERS.join(', ')}; Standard by default
  --bandwidth <name>    ${BANDWIDTH_TIERS.join(', ')}; Standard by default
  --hours <n>           how long to pay for, 1 by default
  --deposit <USDC>      instead of --hours
  --max-price <USDC>    per hour; by default what the node asks now
  --no-wait             return once the lease is open

open --any-node: the scheduler chooses; the manifest follows once it has
  --region <name>       only nodes of this region
  --keeper <url>        leave the manifest there for the node (or DECLOUD_KEEPER); without one it is posted on chain
  --state <folder>      keeps the manifest until then, .decloud by default
post: leaves the manifest of an assigned lease, when open was stopped before it could

stop, start, reboot: what the node does with the machine; a stopped one is reserved, and billed
reinstall: a fresh disk; the node keeps the old one aside for 72 hours
restore: the disk that was kept aside comes back
  --from <leaseId>      restore: the disk of this ended lease of yours on the same node, instead of its own
  --on-chain            a transaction instead of a signature that is sent to the node
  --yes                 needed for reinstall
ssh: logs in with a key and a certificate made for this once; the host key has to be the one posted on chain. The tenant
  and whoever was let in as a User or Manager may. Exit code: that of the command, 255 when the login fails
certificate: for a key of your own, for an hour; written beside it, where ssh finds it
  --key <file.pub>      the public half
manifest: another manifest in the place of the one before, on chain. Its keys and password are those of the running
  machine within a minute; image, hostname and the rest follow at the next reinstall. Takes the options of open
close: ends the lease; the rest of the deposit comes back
  --signed              the node sends the transaction and pays its gas

list: the leases of the tenant that live, oldest first
  --all                 those that have ended too

The tenant's key: DECLOUD_KEY, or DECLOUD_KEYSTORE with DECLOUD_PASSWORD_FILE.
Exit codes: 0 done, 1 failed, 2 wrong usage; of ssh those of ssh.
`
