import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { connect, makeJournal, openDatabase } from '@decloud/chain'
import { nodeRegistryAbi, parseUsdc, pricePolicyAbi } from '@decloud/protocol'
import { encodeFunctionData, type Hex, isAddress, parseEventLogs, stringToHex } from 'viem'
import { loadChainConfig } from '../../config/config.ts'
import { readSealingKeys } from '../../config/secrets.ts'
import { pricesBelowFloor } from '../../domain/registration.ts'
import { AgentError } from '../../lib/errors.ts'
import { x25519PublicKey } from '../../lib/x25519.ts'
import { operatorKey } from '../operator.ts'
import { EXIT, type Io, makeVerb, UsageError, type Values, wholeNumber } from '../verb.ts'

const OPTIONS = {
  agent: { type: 'string', argument: 'ADDRESS', about: 'of the agent; `keys create` prints it' },
  'sealing-keys': { type: 'string', argument: 'FILE', about: 'private sealing keys by epoch' },
  endpoint: { type: 'string', argument: 'URL', about: "where the agent's API is reached" },
  region: { type: 'string', argument: 'TEXT', about: 'at most 8 characters, for example eu-west' },
  'machine-id': { type: 'string', argument: 'TEXT', about: 'a stable name of this machine; /etc/machine-id' },
  'point-units': { type: 'string', argument: 'N', about: 'compute on offer; 12 units are a point' },
  memory: { type: 'string', argument: 'MIB', about: 'memory on offer' },
  disk: { type: 'string', argument: 'GIB', about: 'disk on offer' },
  gpus: { type: 'string', argument: 'N', about: 'GPUs on offer' },
  'price-point': { type: 'string', argument: 'USDC', about: 'an hour of a compute point' },
  'price-memory': { type: 'string', argument: 'USDC', about: 'an hour of a GiB of memory' },
  'price-disk': { type: 'string', argument: 'USDC', about: 'an hour of a GiB of disk' },
  'price-gpu': { type: 'string', argument: 'USDC', about: 'an hour of a GPU' },
  'min-charge': { type: 'string', argument: 'S', about: 'least seconds billed, up to 300; 60' },
  notice: { type: 'string', argument: 'S', about: 'of a reclaim; 86400' },
} as const
type Given = Values<typeof OPTIONS>

/** Registers this machine, signed by its operator's (cold) key. Prices are held against the floors before anything is sent. */
export const register = makeVerb({
  options: OPTIONS,
  run: async (io, options) => {
    const registration = registrationOf(options, io)
    const { rpcUrls, deployment } = loadChainConfig(io.env, io.given)
    const operator = await operatorKey(io.env)
    const chain = await connect({ urls: rpcUrls, deployment })
    const floors = await chain.request('read the price floors', (client) =>
      client.readContract({ address: deployment.pricePolicy, abi: pricePolicyAbi, functionName: 'floors' }),
    )
    const problems = pricesBelowFloor(registration.prices, floors)
    if (problems.length > 0) {
      throw new AgentError('price-below-floor', problems.join(' '), {
        hint: 'Raise it, or leave all prices out to take the defaults of the platform. Nothing was sent.',
      })
    }
    const db = openDatabase(':memory:')
    const journal = makeJournal({ chain, db, account: operator })
    try {
      io.say(`registering as ${operator.address} …`)
      const { hash } = await journal.send({
        kind: 'register',
        dedupe: 'register',
        to: deployment.nodeRegistry,
        data: encodeFunctionData({ abi: nodeRegistryAbi, functionName: 'register', args: [registration] }),
      })
      const receipt = await chain.request('read the receipt', (client) =>
        client.getTransactionReceipt({ hash }),
      )
      const [registered] = parseEventLogs({
        abi: nodeRegistryAbi,
        eventName: 'NodeRegistered',
        logs: receipt.logs,
      })
      if (registered === undefined) {
        throw new AgentError(
          'registration-unseen',
          `The registration ${hash} carries no event of the registry.`,
        )
      }
      const { node, nodeId } = registered.args
      io.result({ node, nodeId, transaction: hash }, `node ${node}\n  DECLOUD_NODE=${node}`)
      return EXIT.done
    } finally {
      await journal.close()
      db.close()
    }
  },
})

const registrationOf = (options: Given, io: Io) => {
  const { endpoint = '', region = '' } = options
  if (options.agent === undefined || !isAddress(options.agent)) {
    throw new UsageError("Give the agent's address with --agent; `decloud-node keys create` prints it.")
  }
  const sealingFile = options['sealing-keys'] ?? io.env['DECLOUD_SEALING_KEYS']
  if (!sealingFile) throw new UsageError('Give the sealing key file with --sealing-keys.')
  // The registry counts epochs from 1, and this is the first.
  const sealingKey = readSealingKeys(sealingFile).get(1)
  if (sealingKey === undefined) throw new UsageError(`${sealingFile} holds no key of epoch 1.`)
  if (!/^[\x20-\x7e]{0,8}$/.test(region)) throw new UsageError('--region takes at most 8 ASCII characters.')
  return {
    machineId: machineIdOf(options['machine-id']),
    agent: options.agent,
    sealingKey: x25519PublicKey(sealingKey),
    region: stringToHex(region, { size: 8 }),
    minCharge: wholeNumber('min-charge', options['min-charge'] ?? '60', 0, 300),
    notice: wholeNumber('notice', options.notice ?? '86400', 0, 2_592_000),
    capacity: capacityOf(options),
    prices: {
      point: parseUsdc(options['price-point'] ?? '0'),
      memoryGiB: parseUsdc(options['price-memory'] ?? '0'),
      diskGiB: parseUsdc(options['price-disk'] ?? '0'),
      gpu: parseUsdc(options['price-gpu'] ?? '0'),
    },
    endpoint,
  }
}

/** By default: every core as one point, and what the host itself needs left out of the memory. */
const capacityOf = (options: Given) => {
  const HOST_MIB = 1_024
  const units = options['point-units'] ?? String(availableParallelism() * 12)
  const memory = options.memory ?? String(Math.max(256, Math.floor(totalmem() / 1024 ** 2) - HOST_MIB))
  if (options.disk === undefined)
    throw new UsageError('Say how many GiB of disk the node offers with --disk.')
  return {
    pointUnits: BigInt(wholeNumber('point-units', units, 1, 2 ** 40 - 1)),
    memoryMiB: BigInt(wholeNumber('memory', memory, 1, 2 ** 40 - 1)),
    diskGiB: BigInt(wholeNumber('disk', options.disk, 1, 2 ** 40 - 1)),
    gpus: wholeNumber('gpus', options.gpus ?? '0', 0, 1_000),
  }
}

/** systemd asks not to publish /etc/machine-id itself: a hash under a name of our own stands for it. */
const machineIdOf = (given: string | undefined): Hex => {
  const text = given ?? readMachineId()
  return `0x${createHash('sha256').update(`decloud machine\0${text}`).digest('hex')}`
}

const readMachineId = (): string => {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim()
  } catch (cause) {
    throw new AgentError('machine-id-missing', '/etc/machine-id cannot be read.', {
      hint: 'Give a stable name of this machine with --machine-id.',
      cause,
    })
  }
}
