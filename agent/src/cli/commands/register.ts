import { existsSync } from 'node:fs'
import { nodeRegistryAbi, pricePolicyAbi } from '@decloud/protocol'
import { type Address, getAddress, type Hex, isAddress, stringToHex } from 'viem'
import { type AgentConfig, configFileOf, DEVELOPMENT_CHAIN } from '../../config/config.ts'
import { changeNodeFile } from '../../config/node-file.ts'
import { readSealingKeys, secretFiles } from '../../config/secrets.ts'
import { DEFAULT_PRICES, isDefault, wholePrices } from '../../domain/prices.ts'
import { AgentError } from '../../lib/errors.ts'
import { x25519PublicKey } from '../../lib/x25519.ts'
import { registryCalls } from '../operator/call.ts'
import { atNewDesk, type Desk, outcomeJson, outcomeText, SIGNING } from '../operator/desk.ts'
import { demandFloors } from '../operator/floor.ts'
import { machineIdOf, nodeIdOf } from '../operator/identity.ts'
import { addressIn } from '../operator/keystore.ts'
import { CAPACITY, type CapacityAsked, capacityOf, capacityText, measuredIn } from '../operator/machine.ts'
import { confirm } from '../operator/prompt.ts'
import { FIRST_LEASE, pricesText, span } from '../operator/words.ts'
import { EXIT, type Io, makeVerb, UsageError } from '../verb.ts'

export const register = makeVerb({
  brief: true,
  about: `What it offers is by default what \`discover\` and \`benchmark\` measured, and never more; a guest must have booted here
in the last seven days (\`probe\`). Prices (--price-point, …), --region, --endpoint, --min-charge and --notice are keys of the
configuration; without prices the node asks the platform's defaults. Prices are held against the floors, and all of it
tried, before anything is sent. Given twice it says which node this machine is.`,
  examples: [
    'decloud-node register --region eu-west --endpoint https://node7.example.org',
    'decloud-node register --price-point 0.012 --price-memory 0.005 --disk 400 --yes',
    'decloud-node register --unsigned --operator-address 0x… --json',
  ],
  options: {
    ...SIGNING,
    agent: { type: 'string', argument: 'ADDRESS', about: "of the agent; that of the agent's keystore" },
    'machine-id': {
      type: 'string',
      argument: 'TEXT',
      about: 'a stable name of this machine; /etc/machine-id',
    },
    ...CAPACITY,
    'without-probe': {
      type: 'boolean',
      about: 'on a development chain: register a machine that booted no guest',
    },
    yes: { type: 'boolean', about: 'do not ask' },
  },
  run: (io, options) =>
    atNewDesk(io, options.unsigned, async (desk, config) => {
      const { chain, operator } = desk
      const machineId = machineIdOf(options['machine-id'])
      const nodeId = nodeIdOf(machineId, operator.address)
      const known = await indexOf(desk, nodeId)
      if (known !== 0) return already(io, known, nodeId)
      const play = config.deployment.chainId === DEVELOPMENT_CHAIN
      if (options['without-probe'] && !play)
        throw new UsageError('--without-probe is for development chains.')
      const proven = !options['without-probe']
      const registration = await registrationOf(io, desk, config, { ...options, machineId, proven })
      const call = registryCalls(chain.deployment).register(registration)
      if (desk.unsigned) {
        const outcome = await desk.carryOut([call])
        const next = 'Once it is mined, run this again: it then finds the node and writes its index down.'
        io.result({ nodeId, ...outcomeJson(outcome) }, [...outcomeText(outcome), next].join('\n'))
        return EXIT.done
      }
      await confirm(io, summary(desk, registration), options.yes)
      const outcome = await desk.carryOut([call])
      const node = await indexOf(desk, nodeId)
      if (node === 0) throw unseen(nodeId)
      const written = keepIndex(io, node)
      io.result(
        { node, nodeId, registered: true, ...outcomeJson(outcome), ...written },
        [
          `node ${node}`,
          `  DECLOUD_NODE=${node}${written.file === null ? '' : `, written to ${written.file}`}`,
          ...outcomeText(outcome),
          '`decloud-node run` (or `systemctl start decloud-node`) serves it from now on.',
          FIRST_LEASE,
        ].join('\n'),
      )
      return EXIT.done
    }),
})

const already = (io: Io, node: number, nodeId: Hex): number => {
  const written = keepIndex(io, node)
  io.result(
    { node, nodeId, registered: false, ...written },
    `This machine is node ${node} already${written.file === null ? '' : `; ${written.file} says so`}. Change it with \`price set\`, \`profile set\` and \`capacity set\`.`,
  )
  return EXIT.done
}

/** Into the file that the agent reads, where there is one: a command never makes one up. */
const keepIndex = (io: Io, node: number): { file: string | null } => {
  const file = configFileOf(io.env, io.given)
  if (!existsSync(file)) return { file: null }
  changeNodeFile(file, { node })
  return { file }
}

const indexOf = ({ chain }: Desk, nodeId: Hex): Promise<number> =>
  chain.request('look the machine up in the registry', (client) =>
    client.readContract({
      ...{ address: chain.deployment.nodeRegistry, abi: nodeRegistryAbi },
      ...{ functionName: 'indexOf', args: [nodeId] },
    }),
  )

type Options = CapacityAsked & {
  readonly agent: string | undefined
  readonly machineId: Hex
  readonly proven: boolean
}
type Registration = Parameters<ReturnType<typeof registryCalls>['register']>[0]
type NewConfig = Omit<AgentConfig, 'node'> & { readonly node?: number | undefined }

const registrationOf = async (
  io: Io,
  { chain }: Desk,
  config: NewConfig,
  options: Options,
): Promise<Registration> => {
  const policy = await chain.request('read the price policy', (client) =>
    client.readContract({
      ...{ address: chain.deployment.pricePolicy, abi: pricePolicyAbi, functionName: 'parameters' },
    }),
  )
  const [floors, defaults] = policy
  const prices = wholePrices(config.price ?? {}, DEFAULT_PRICES, defaults)
  demandFloors(prices, floors)
  const measured = measuredIn(config.dataDir, options.proven ? config.deployment : null, Date.now())
  return {
    machineId: options.machineId,
    agent: agentAddress(io, options.agent),
    sealingKey: firstSealingKey(io),
    region: stringToHex(config.region ?? '', { size: 8 }),
    minCharge: config.minCharge ?? DEFAULT_MIN_CHARGE,
    notice: config.notice ?? DEFAULT_NOTICE,
    capacity: capacityOf(options, measured, config),
    prices,
    endpoint: config.endpoint ?? '',
  }
}

const DEFAULT_MIN_CHARGE = 60
const DEFAULT_NOTICE = 86_400

/** Of the keystore the address alone is read: registering needs nothing of the hot key. */
const agentAddress = (io: Io, given: string | undefined): Address => {
  if (given !== undefined) {
    if (isAddress(given)) return getAddress(given)
    throw new UsageError(`--agent takes an address, not "${given}".`)
  }
  const { agentKeystore } = secretFiles(io.env, io.given)
  const address = agentKeystore === undefined ? null : addressIn(agentKeystore)
  if (address !== null) return address
  throw new UsageError(
    "The agent's address is not known.",
    'Make its keystore with `decloud-node init`, or give --agent.',
  )
}

/** The registry counts epochs from 1, and this is the first. */
const firstSealingKey = (io: Io): Hex => {
  const { sealingKeys } = secretFiles(io.env, io.given)
  if (sealingKeys === undefined) {
    throw new UsageError(
      'The sealing key file is not known.',
      'Make it with `decloud-node init`, or give --sealing-keys.',
    )
  }
  const key = readSealingKeys(sealingKeys).get(1)
  if (key === undefined) throw new UsageError(`${sealingKeys} holds no key of epoch 1.`)
  return x25519PublicKey(key)
}

const summary = ({ operator, chain }: Desk, one: Registration): string[] => {
  return [
    `On chain ${chain.deployment.chainId}, signed by ${operator.address}:`,
    `  offers  ${capacityText(one.capacity)}`,
    `  asks    ${isDefault(one.prices) ? "the platform's defaults" : pricesText(one.prices)}`,
    `  terms   at least ${one.minCharge} s billed, ${one.notice === 0 ? 'no notice' : `${span(one.notice)} of notice`} before a reclaim`,
    `  agent   ${one.agent}${one.endpoint === '' ? '' : ` at ${one.endpoint}`}`,
  ]
}

const unseen = (nodeId: Hex) =>
  new AgentError(
    'registration-unseen',
    `The registration is mined, and the registry knows no node ${nodeId}.`,
    {
      hint: 'The chain was reorganised, or the RPC lags: run this again.',
    },
  )
