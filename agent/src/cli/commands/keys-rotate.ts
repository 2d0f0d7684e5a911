import type { Chain } from '@decloud/chain'
import { generateSealingKey, nodeRegistryAbi } from '@decloud/protocol'
import { type Hex, isAddressEqual, parseEventLogs, zeroAddress } from 'viem'
import type { SealingKeys } from '../../chain/node-facts.ts'
import { writeSealingKeys } from '../../config/sealing-file.ts'
import { readSealingKeys, secretFiles } from '../../config/secrets.ts'
import { AgentError } from '../../lib/errors.ts'
import { tryLock } from '../../lib/file-lock.ts'
import { x25519PublicKey } from '../../lib/x25519.ts'
import { registryCalls } from '../operator/call.ts'
import { atDesk, type Desk, type Outcome, outcomeJson, outcomeText, SIGNING } from '../operator/desk.ts'
import { EXIT, makeVerb, UsageError } from '../verb.ts'

/**
 * A new sealing key under the next epoch. The private half is on disk before the registry hears of the public one: a
 * tenant who seals to what the registry says is always understood. Interrupted in between, the same command goes on with
 * the key that it left.
 */
export const keysRotate = makeVerb({
  about: `Tenants seal manifests to the new key from now on; what was sealed to an older one is still opened.
A running agent takes the new key up by itself when the first manifest needs it; one that got its keys as credentials of
systemd has a copy of them and is to be restarted, which no guest notices.`,
  options: {
    ...SIGNING,
    'sealing-keys': { type: 'string', argument: 'FILE', about: 'private sealing keys by epoch' },
    lost: { type: 'boolean', about: 'the present key is lost: what was sealed to it stays closed' },
  },
  run: async (io, options) => {
    const path = options['sealing-keys'] ?? secretFiles(io.env, io.given).sealingKeys
    if (path === undefined) throw new UsageError('Give the sealing key file with --sealing-keys.')
    return atDesk(io, options.unsigned, async (desk, { node }) => {
      const unlock = tryLock(`${path}.lock`)
      if (unlock === null) {
        throw new AgentError('sealing-keys-in-use', 'Another rotation of these keys is under way.', {
          hint: 'Wait for it to end.',
        })
      }
      try {
        const { outcome, ...rotated } = await rotate(desk, { node, path, lost: options.lost, say: io.say })
        io.result(
          { node, sealingKeys: path, ...rotated, ...outcomeJson(outcome) },
          [
            `node ${node}: epoch ${rotated.epoch}, public key ${rotated.sealingPublicKey}`,
            ...outcomeText(outcome),
            `Back up ${path}.`,
          ].join('\n'),
        )
        return EXIT.done
      } finally {
        unlock()
      }
    })
  },
})

type Rotation = { node: number; path: string; lost: boolean; say(line: string): void }

const rotate = async ({ chain, operator, carryOut }: Desk, { node, path, lost, say }: Rotation) => {
  const now = await readPresent(chain, node)
  if (!isAddressEqual(now.operator, operator.address)) {
    throw new AgentError(
      'not-operator',
      `The operator of node ${node} is ${now.operator}; this key is ${operator.address}.`,
      { hint: 'The operator signs this. Nothing has changed.' },
    )
  }
  const keys = readSealingKeys(path)
  if (!lost) checkPresent(keys, now)
  const next = now.epoch + 1
  const left = keys.get(next)
  if (left !== undefined) say(`going on with the key of epoch ${next} that is in the file already …`)
  const privateKey = left ?? (await generateSealingKey()).privateKey
  if (left === undefined) writeSealingKeys(path, new Map([...keys, [next, privateKey]]))
  const sealingPublicKey = x25519PublicKey(privateKey)
  const outcome = await carryOut([registryCalls(chain.deployment).setSealingKey(node, sealingPublicKey)])
  const epoch = (await epochSet(chain, outcome)) ?? next
  // Somebody else's transaction came in between, or the one of an interrupted rotation: the registry has counted on.
  if (epoch !== next) writeSealingKeys(path, new Map([...readSealingKeys(path), [epoch, privateKey]]))
  return { epoch, sealingPublicKey, outcome }
}

/** Whoever has lost the present key is told so before the next one hides it. */
const checkPresent = (keys: SealingKeys, { epoch, sealingKey }: { epoch: number; sealingKey: Hex }) => {
  const held = keys.get(epoch)
  if (held !== undefined && x25519PublicKey(held).toLowerCase() === sealingKey.toLowerCase()) return
  throw new AgentError(
    'sealing-key-missing',
    `The file does not hold the present key, of epoch ${epoch}: manifests sealed to it could not be opened.`,
    { hint: 'Restore it from the backup; or say --lost when it is gone for good. Nothing has changed.' },
  )
}

const readPresent = (chain: Chain, node: number) =>
  chain.request('read the registry', async (client) => {
    const registry = { address: chain.deployment.nodeRegistry, abi: nodeRegistryAbi } as const
    const agent = await client.readContract({ ...registry, functionName: 'agentOf', args: [node] })
    if (isAddressEqual(agent, zeroAddress)) {
      throw new AgentError('node-unregistered', `Node ${node} is not registered on this chain.`, {
        hint: 'Register it with `decloud-node register`, or correct DECLOUD_NODE.',
      })
    }
    const [{ operator }, [sealingKey, epoch]] = await Promise.all([
      client.readContract({ ...registry, functionName: 'offer', args: [node] }),
      client.readContract({ ...registry, functionName: 'sealingKeyOf', args: [node] }),
    ])
    return { operator, sealingKey, epoch }
  })

/** @returns null of a transaction that is signed elsewhere. */
const epochSet = async (chain: Chain, outcome: Outcome): Promise<number | null> => {
  const hash = outcome.signed ? outcome.transactions[0]?.transaction : undefined
  if (hash === undefined) return null
  const { logs } = await chain.request('read the receipt', (client) => client.getTransactionReceipt({ hash }))
  const [changed] = parseEventLogs({ abi: nodeRegistryAbi, eventName: 'SealingKeyChanged', logs })
  if (changed !== undefined) return changed.args.epoch
  throw new AgentError('rotation-unseen', `The transaction ${hash} carries no event of the registry.`)
}
