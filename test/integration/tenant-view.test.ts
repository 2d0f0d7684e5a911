// What a tenant reads from logs, on a chain that is longer than an RPC answers for at once.
import { createHash } from 'node:crypto'
import { type Chain, connect } from '@decloud/chain'
import { type Hex, hexToBigInt, zeroAddress } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AGENT, type Local, OPERATOR, startLocal, TENANT } from '../../chain/test/local.ts'
import { type RpcProxy, startRpcProxy } from '../../chain/test/rpc-proxy.ts'
import { billOf, checkHostKey, endpointOf } from '../../scripts/lib/tenant-view.ts'

/** Blocks that the RPC answers for at once; what lies between one thing and the next, in pieces that a busy chain mines in time. */
const MOST = 600n
const APART = [350, 350]

const HOST_KEY = Buffer.from('the host key of this guest')

describe('a tenant behind an RPC that refuses long ranges of logs', () => {
  let local: Local
  let proxy: RpcProxy
  let chain: Chain
  let leaseId: Hex
  let first: bigint | null = null
  const fingerprint: Hex = `0x${createHash('sha256').update(HOST_KEY).digest('hex')}`
  const age = async () => {
    for (const blocks of APART) await local.anvil.client.mine({ blocks })
  }

  beforeAll(async () => {
    local = await startLocal()
    proxy = await startRpcProxy(local.anvil.rpcUrl)
    proxy.judge = ({ method, params }) => {
      if (method !== 'eth_getLogs') return 'forward'
      const { fromBlock, toBlock } = params![0] as { fromBlock?: Hex; toBlock?: Hex }
      const [from, to] = [
        hexToBigInt(fromBlock ?? '0x0'),
        /^0x/.test(toBlock ?? '') ? BigInt(toBlock!) : 1n << 60n,
      ]
      if (to - from >= MOST) return { error: { code: -32_602, message: 'range too wide' } }
      first = first === null || from < first ? from : first
      return 'forward'
    }
    chain = await connect({ urls: [proxy.url], deployment: local.deployment, retries: 0 })
    await local.register('https://old.example')
    await local.register('https://other.example')
    await age()
    await local.registry(OPERATOR, 'setEndpoint', [1, 'https://new.example'])
    await local.fund(TENANT, 1_000_000n)
    leaseId = await local.open(TENANT, 1)
    await local.escrow(AGENT, 'activate', [leaseId, fingerprint])
    await age()
  })
  afterAll(async () => {
    await proxy?.close()
    await local?.stop()
  })

  it('finds the newest endpoint, also of a node that never changed its own', async () => {
    expect(await endpointOf({ chain }, 1)).toBe('https://new.example')
    expect(await endpointOf({ chain }, 2)).toBe('https://other.example')
    expect(await endpointOf({ chain }, 3)).toBeNull()
    await local.registry(OPERATOR, 'setEndpoint', [2, ''])
    expect(await endpointOf({ chain }, 2)).toBeNull()
  })

  it('knows the host key that was posted, and no other', async () => {
    const hostKey = `ssh-ed25519 ${HOST_KEY.toString('base64')}`
    expect(await checkHostKey(chain, leaseId, { hostKey, hostKeyFingerprint: fingerprint })).toBe(true)
    const other = Buffer.from('another')
    const forged = {
      hostKey: `ssh-ed25519 ${other.toString('base64')}`,
      hostKeyFingerprint: `0x${createHash('sha256').update(other).digest('hex')}` as const,
    }
    await expect(checkHostKey(chain, leaseId, forged)).rejects.toMatchObject({ code: 'host-key-mismatch' })
  })

  it('reads the bill of a lease once it has ended, and no further back than its end', async () => {
    await expect(billOf({ chain }, leaseId)).rejects.toMatchObject({ code: 'lease-open' })
    await local.anvil.moveTime(600)
    await local.escrow(TENANT, 'close', [leaseId, zeroAddress])
    const { number: end } = await local.anvil.client.getBlock()
    first = null
    const bill = await billOf({ chain }, leaseId)
    expect(bill).toMatchObject({ difference: 0n, refund: bill.deposited - bill.bill })
    expect(bill.bill).toBeGreaterThan(0n)
    expect(first).toBeGreaterThan(end - MOST)
  })
})
