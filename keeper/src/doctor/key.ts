// The key: can it be opened, who else may read it, can it pay, and what may it do that others may not.

import { statSync } from 'node:fs'
import { type KeySource, loadKey, makeChain } from '@decloud/chain'
import {
  DecloudError,
  type Deployment,
  downtimeQuorumAbi,
  leaseDeskAbi,
  reputationAbi,
} from '@decloud/protocol'
import { type Finding, fault, note, ok } from '@decloud/service/doctor'
import { type Address, formatEther, parseEther } from 'viem'
import type { KeeperConfig } from '../config/config.ts'

export const checkKey = async (config: KeeperConfig, key: KeySource | null): Promise<Finding[]> => {
  if (key === null) {
    return [note('key', 'key-none', 'none: this keeper reads and serves, and does no chores')]
  }
  try {
    const { address } = await loadKey(key)
    return [ok('key', address), ...privacy(key), ...(await onChain(config, address))]
  } catch (error) {
    if (!(error instanceof DecloudError)) throw error
    return [fault('key', error.code, error.message, error.hint || 'Give the password of this keystore.')]
  }
}

const privacy = (key: KeySource): Finding[] => {
  if ('privateKey' in key) {
    const todo = 'Anyone who reads the process environment has it: make a keystore, but on a test chain.'
    return [note('key file', 'key-bare', 'the key is in the environment in clear', todo)]
  }
  const mode = statSync(key.keystore).mode & 0o777
  if ((mode & 0o077) === 0) return [ok('key file', `${key.keystore}, mode ${mode.toString(8)}`)]
  const what = `${key.keystore} is open to other users (mode ${mode.toString(8)})`
  return [fault('key file', 'key-open', what, `chmod 600 ${key.keystore}`)]
}

const onChain = async (config: KeeperConfig, address: Address): Promise<Finding[]> => {
  const chain = makeChain({ urls: config.rpcUrls, deployment: config.deployment, retries: 1 })
  try {
    const balance = await chain.request('read the gas balance', (client) => client.getBalance({ address }))
    return [gas(balance, config.health.minGasCoins), ...(await roles(chain, config.deployment, address))]
  } catch (error) {
    if (!(error instanceof DecloudError)) throw error
    return [fault('gas', error.code, error.message, error.hint)]
  }
}

const gas = (balance: bigint, least: number): Finding => {
  const says = `${formatEther(balance)} gas coins`
  if (balance === 0n)
    return fault('gas', 'gas-none', says, 'Send some to the key: nothing can be sent without.')
  return balance < parseEther(String(least))
    ? fault('gas', 'gas-low', `${says}, less than ${least}`, 'Send some more to the key.')
    : ok('gas', says)
}

type Chain = ReturnType<typeof makeChain>

/** Neither role is needed: what they add is the head start on untargeted leases and a say about uptime. */
const roles = async (chain: Chain, deployment: Deployment, address: Address): Promise<Finding[]> => {
  const { leaseDesk, downtimeQuorum, reputation } = deployment
  const read = await chain.request('read the roles', async (client) => ({
    scheduler: await client.readContract({
      address: leaseDesk,
      abi: leaseDeskAbi,
      functionName: 'scheduler',
    }),
    crediting: await client.readContract({
      ...{ address: downtimeQuorum, abi: downtimeQuorumAbi, functionName: 'isAttester', args: [address] },
    }),
    attesting:
      reputation === undefined
        ? false
        : await client.readContract({
            ...{ address: reputation, abi: reputationAbi, functionName: 'isAttester', args: [address] },
          }),
  }))
  const say = (role: string, code: string, has: boolean, without: string) =>
    has
      ? ok(`role ${role}`, 'this key has it')
      : note(`role ${role}`, code, `this key has it not: ${without}`)
  return [
    say(
      'scheduler',
      'scheduler-not',
      read.scheduler.toLowerCase() === address.toLowerCase(),
      'it may place leases 60 s later',
    ),
    say('attester', 'attester-not', read.attesting, 'it attests no uptime'),
    say('downtime', 'quorum-not', read.crediting, 'it has no vote on downtime'),
  ]
}
