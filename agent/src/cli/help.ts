import { ENV, SECRET_ENV } from '../config/env.ts'

export const HELP = `usage: decloud-node <command> [options]

  run                   run the agent until SIGTERM; guests outlive it
  status                what the agent on this machine is doing
      --port <n>          its API port
  keys create           make the agent's keystore and the node's sealing key
      --dir <folder>      --password-file <file>
  register              register this machine, signed by the operator
      --agent <address>   --sealing-keys <file>   --endpoint <url>   --region <text>
      --disk <GiB>        --memory <MiB>          --point-units <n>  --gpus <n>
      --price-point, --price-memory, --price-disk, --price-gpu <USDC per hour>
      --min-charge <s>    --notice <s>            --machine-id <text>

  reclaim <lease>       want a lease back: notice to its tenant, and its end when that is over
      --reason <text>     told to the tenant, at most 32 bytes
      --withdraw          tell the agent of this machine that it may stay after all
  entrust               let the agent credit downtime and reclaim; signed by the node's payee
      --back              let the payee alone do that again
  images list           the images of this node and of its catalogue
      fetch <id>          download one now, before a lease asks for it
      pin <id>            download one that nobody vouches for, and allow it by its checksum
          --sha256 <hex>    only if it is this one, as its vendor publishes it
      remove <id>         delete one that no disk stands on
      gc                  delete those that no disk stands on
          --free <GiB>      the longest unused first, until so much is freed
      --arch <x86_64|aarch64>   of another machine than this one

  --json                one line of JSON on stdout
  --help

Environment of run:
  ${ENV.rpcUrls}          JSON-RPC URLs, separated by commas
  ${ENV.deployment}        the deployment file
  ${ENV.node}              this node's index in the registry
  ${SECRET_ENV.agentKeystore}    the agent's keystore
  ${SECRET_ENV.agentPasswordFile}   its password
  ${SECRET_ENV.agentKey}         instead of both: a bare key, for tests
  ${SECRET_ENV.sealingKeys}      private sealing keys by epoch
  ${ENV.dataDir}          /var/lib/decloud
  ${ENV.imageDir}         images built here; <data folder>/images
  ${ENV.imageCatalogue}   your own image sources and checksums; <data folder>/catalogue.json
  ${ENV.hypervisor}        auto, libvirt or simulated
  ${ENV.acceleration}      auto, kvm or tcg
  ${ENV.foreignGuests}    refuse, or emulate other architectures (development chains only)
  ${ENV.libvirtUri}       qemu:///system
  ${ENV.networkName}           name of the guests' network; decloud
  ${ENV.networkSubnet}            its range; 10.77.0.0/24
  ${ENV.apiPort}          status API on 127.0.0.1; 7070, 0 for any
  ${ENV.gpus}              PCI addresses of the GPUs for guests, separated by commas
  ${ENV.keepers}           keepers by commas: URLs (beats, manifests) and libp2p addresses (beats); none
  ${ENV.claims}            on, or off: whether requests that name no node are claimed for this one
  ${ENV.settleEverySeconds}      seconds between settlements at least; 3600
  ${ENV.minSettleUsdc}        USDC that a lease has to have earned to be settled; 0.05
  ${ENV.gasCoinUsdc}     USDC that one coin of gas is taken to be worth; 1
  ${ENV.maxFeeGwei}      gwei per gas that no transaction pays more than; 2000
  ${ENV.logLevel}         info
register, entrust and reclaim also read DECLOUD_OPERATOR_KEYSTORE and DECLOUD_OPERATOR_PASSWORD_FILE (or DECLOUD_OPERATOR_KEY).

Exit codes: 0 done, 1 failed, 2 something to set right first (usage, configuration, port, data folder).
`
