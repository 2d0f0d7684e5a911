import { ENV, SECRET_ENV } from '../config/env.ts'
import { COMMON, verbsOf } from './find.ts'
import type { Options, Verb } from './verb.ts'
import { VERBS } from './verbs.ts'

const optionLines = (options: Options): string =>
  Object.entries(options)
    .map(([name, { argument, about }]) => {
      const flag = `--${name}${argument === undefined ? '' : ` ${argument}`}`
      return flag.length > 24 ? `  ${flag}\n${' '.repeat(28)}${about}` : `  ${flag.padEnd(25)} ${about}`
    })
    .join('\n')

const verbLines = (names: readonly string[]): string =>
  names.map((name) => `  ${name.padEnd(16)} ${VERBS[name]!.summary}`).join('\n')

const EXITS = `Exit codes: 0 done; 1 failed, or not healthy; 2 something that a person must set right first (usage, configuration,
key, wrong chain, port, data folder).`

export const overview = (): string => `Usage: decloud-node VERB [options]

${verbLines(Object.keys(VERBS))}

${optionLines(COMMON)}
\`decloud-node VERB --help\` tells more of one.

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
  ${ENV.stunServers}      STUN servers by commas, asked how others see this machine; none
  ${ENV.benchmarkDays}    days between benchmarks; 7, 0 for never
  ${ENV.logLevel}         info
register, entrust and reclaim also read DECLOUD_OPERATOR_KEYSTORE and DECLOUD_OPERATOR_PASSWORD_FILE (or DECLOUD_OPERATOR_KEY).

${EXITS}
`

export const groupHelp = (group: string): string => `Usage: decloud-node ${group} …

${verbLines(verbsOf(group))}

\`decloud-node ${group} … --help\` tells more of one.
`

export const verbHelp = (name: string, verb: Verb): string => {
  const { summary } = VERBS[name]!
  const words = verb.words === undefined ? '' : ` ${verb.words}`
  const parts = [
    `Usage: decloud-node ${name}${words} [options]`,
    `${summary[0]?.toUpperCase()}${summary.slice(1)}.${verb.about === undefined ? '' : `\n${verb.about}`}`,
    optionLines({ ...verb.options, ...COMMON }),
    ...(verb.examples === undefined
      ? []
      : [`Examples:\n${verb.examples.map((one) => `  ${one}`).join('\n')}`]),
    EXITS,
  ]
  return `${parts.join('\n\n')}\n`
}
