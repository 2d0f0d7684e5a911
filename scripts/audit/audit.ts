// One audit: the books from logs alone, then the comparison, all of it at one block of one chain.
import { DecloudError, type Deployment } from '@decloud/protocol'
import type { Difference } from './books.ts'
import { readHistory } from './history.ts'
import { type BlockTag, type Head, MovedError, makeRpc, type Rpc } from './rpc.ts'
import { compareStorage } from './storage.ts'

const ATTEMPTS = 5

export type AuditOptions = {
  deployment: Deployment
  rpcUrl: string
  /** The deployment's first block by default. */
  from?: bigint
  at: BlockTag
  onProgress: (line: string) => void
}

/** Money is µUSDC. `usdc = obligations + donated` when nothing differs. */
export type AuditResult = {
  block: bigint
  blockHash: string
  logs: number
  reads: number
  leases: number
  accounts: number
  nodes: number
  obligations: bigint
  donated: bigint
  differences: readonly Difference[]
}

const headOf = async (rpc: Rpc, at: BlockTag): Promise<Head> => {
  const head = await rpc.block(at)
  if (head === null) {
    throw new DecloudError('block-missing', `The RPC has no block ${at}.`, { hint: 'Give an earlier --at.' })
  }
  return head
}

/**
 * Reads the whole history and the storage at one block. When the chain is reorganised meanwhile, everything read is
 * thrown away and read again, a few times at most.
 * @throws DecloudError `chain-wrong`, `escrow-missing`, `block-missing`, `rpc-failed`, `chain-moved`.
 */
export const audit = async (options: AuditOptions): Promise<AuditResult> => {
  const rpc = makeRpc(options.rpcUrl)
  await checkChain(rpc, options)
  for (let attempt = 1; ; attempt++) {
    const head = await headOf(rpc, options.at)
    try {
      return await auditAt(rpc, options, head)
    } catch (error) {
      // A read that fails because its block is gone looks like any other failure: the head tells.
      const moved = error instanceof MovedError || (await rpc.block(head.number))?.hash !== head.hash
      if (!moved || attempt >= ATTEMPTS) throw error
      options.onProgress('the chain was reorganised: reading it again')
    }
  }
}

const checkChain = async (rpc: Rpc, { deployment, at }: AuditOptions) => {
  const chainId = await rpc.chainId()
  if (chainId !== deployment.chainId) {
    throw new DecloudError(
      'chain-wrong',
      `The RPC is on chain ${chainId}, the deployment on ${deployment.chainId}.`,
      { hint: 'Give the RPC and the deployment file of one chain.' },
    )
  }
  const { number } = await headOf(rpc, at)
  if ((await rpc.code(deployment.leaseEscrow, number)) === '0x') {
    throw new DecloudError('escrow-missing', `There is no contract at ${deployment.leaseEscrow}.`, {
      hint: 'Check the deployment file, and that --at is not before the deployment.',
    })
  }
}

const auditAt = async (rpc: Rpc, options: AuditOptions, head: Head): Promise<AuditResult> => {
  const from = options.from ?? BigInt(options.deployment.fromBlock)
  if (from > head.number) {
    throw new DecloudError('block-missing', `Block ${from}, to read from, is after block ${head.number}.`, {
      hint: 'Check --from and --at.',
    })
  }
  const { books, logs } = await readHistory(rpc, options.deployment, {
    from,
    head,
    onProgress: (block, count) => {
      const done = Number(((block - from + 1n) * 100n) / (head.number - from + 1n))
      options.onProgress(`logs: block ${block} of ${head.number} (${done} %), ${count} logs`)
    },
  })
  const { differences, reads } = await compareStorage(rpc, books, options.deployment, {
    head,
    onProgress: (count) => options.onProgress(`storage: ${count} figures read at block ${head.number}`),
  })
  if ((await rpc.block(head.number))?.hash !== head.hash)
    throw new MovedError(`block ${head.number} was replaced`)
  return {
    block: head.number,
    blockHash: head.hash,
    logs,
    reads,
    leases: books.leases.size,
    accounts: books.balances.size,
    nodes: books.nodes.size,
    obligations: books.obligations,
    donated: books.donated,
    differences: [...books.differences, ...differences],
  }
}
