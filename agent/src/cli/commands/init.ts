import { configFileOf, load, settingsOf } from '../../config/config.ts'
import { changeNodeFile } from '../../config/node-file.ts'
import { type Keys, makeKeys } from '../operator/new-keys.ts'
import { makeFolders, placesFor } from '../operator/places.ts'
import { type Check, preflight } from '../operator/preflight.ts'
import { FIRST_LEASE } from '../operator/words.ts'
import { EXIT, makeVerb } from '../verb.ts'

export const init = makeVerb({
  brief: true,
  about: `Makes what is not there yet: the folders, the agent's hot key with a password of its own, the node's sealing key, the
operator's cold key, and the configuration file. Nothing that is there is ever overwritten, so it may be given again at
any time. The cold key may be brought along (--operator-keystore) or stay on another machine (--operator-address): every
command of the operator then prints its transactions with --unsigned. --rpc-urls, --deployment and every other key of the
configuration that is given here is written to the file.`,
  examples: [
    'decloud-node init --rpc-urls https://…,https://… --deployment /etc/decloud-node/deployment.json',
    'decloud-node init --operator-address 0x…',
    'decloud-node init --operator-keystore ~/key.json --operator-password-file ~/password',
  ],
  options: {
    'operator-keystore': {
      type: 'string',
      argument: 'FILE',
      about: 'take over this keystore (version 3) as the cold key, encrypted as it is',
    },
    'operator-password-file': {
      type: 'string',
      argument: 'FILE',
      about: 'password of the cold key; without it a terminal is asked',
    },
  },
  run: async (io, options) => {
    const file = configFileOf(io.env, io.given)
    const { config } = load(io.env, { ...io.given, making: true }, [])
    const places = placesFor(file, config)
    makeFolders(places)
    const keys = await makeKeys(io, places, {
      operatorAddress: config.operatorAddress,
      operatorKeystore: options['operator-keystore'],
      operatorPasswordFile: options['operator-password-file'] ?? config.operatorPasswordFile,
    })
    const wrote = changeNodeFile(file, {
      ...settingsOf(io.given),
      ...{ dataDir: places.dataDir, agentKeystore: places.agentKeystore },
      ...{ agentPasswordFile: places.agentPasswordFile, sealingKeys: places.sealingKeys },
      ...(keys.operator.kind === 'elsewhere'
        ? { operatorAddress: keys.operator.address }
        : { operatorKeystore: places.operatorKeystore }),
    })
    const checks = await preflight(config, { agent: keys.agent.address, operator: keys.operator.address })
    const next = nextSteps(checks, config.node)
    io.result(
      { file, wrote, credentials: places.credentials, ...keys, preflight: checks, next },
      [
        `configuration  ${file}${wrote ? '' : ' (as it was)'}`,
        `agent          ${keys.agent.address} (${keys.agent.made ? 'made' : 'there already'})`,
        `operator       ${keys.operator.address ?? 'unknown until its keystore is opened'} (${OPERATOR[keys.operator.kind]})`,
        `sealing key    epoch ${keys.sealing.epochs.join(', ')} (${keys.sealing.made ? 'made' : 'there already'})`,
        `Back up ${places.credentials}: what is sealed to a lost key cannot be opened, and a lost cold key takes the earnings with it.`,
        ...checks.map(({ ok, sentence }) => `${ok ? 'ok   ' : 'TODO '} ${sentence}`),
        ...next.map((step, nth) => `${nth + 1}. ${step}`),
      ].join('\n'),
    )
    return EXIT.done
  },
})

const OPERATOR: Readonly<Record<Keys['operator']['kind'], string>> = {
  made: 'made',
  imported: 'taken over',
  kept: 'there already',
  elsewhere: 'its key is elsewhere: use --unsigned',
}

const nextSteps = (checks: readonly Check[], node: number | undefined): string[] => {
  const todo = checks.filter(({ ok }) => !ok).map(({ sentence }) => sentence)
  if (node !== undefined)
    return [...todo, `node ${node} is registered: \`decloud-node run\`, or start its service`]
  return [
    ...todo,
    '`decloud-node discover` and `decloud-node benchmark`: what this machine is, and how fast',
    '`decloud-node probe`: boots a guest',
    '`decloud-node register`: offers it',
    FIRST_LEASE,
  ]
}
