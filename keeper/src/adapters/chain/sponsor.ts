import {
  askWallet,
  type Chain,
  ChainError,
  marketFees,
  OUT_OF_GAS,
  type RevertError,
  revertOf,
} from '@decloud/chain'
import { DecloudError, leaseEscrowAbi, type TokenDomain } from '@decloud/protocol'
import {
  type Address,
  domainSeparator,
  type Hex,
  isAddressEqual,
  parseAbi,
  TransactionReceiptNotFoundError,
  zeroAddress,
} from 'viem'
import type { SponsorChain } from '../../ports/sponsor.ts'

const TOKEN = parseAbi([
  'function name() view returns (string)',
  'function version() view returns (string)',
  'function DOMAIN_SEPARATOR() view returns (bytes32)',
])
/** @param address the account that would send. */
export const makeSponsorChain = (chain: Chain, address: Address): SponsorChain => {
  const { leaseEscrow, usdc: token, chainId } = chain.deployment
  const escrow = { address: leaseEscrow, abi: leaseEscrowAbi } as const
  let domain: TokenDomain | null = null

  const readDomain = async (): Promise<TokenDomain> => {
    const [name, version, separator] = await chain.request("read the token's domain", (client) =>
      Promise.all([
        client.readContract({ address: token, abi: TOKEN, functionName: 'name' }),
        client.readContract({ address: token, abi: TOKEN, functionName: 'version' }),
        client.readContract({ address: token, abi: TOKEN, functionName: 'DOMAIN_SEPARATOR' }),
      ]),
    )
    const found = { name, version, chainId, verifyingContract: token }
    if (domainSeparator({ domain: found }) === separator) return found
    throw new DecloudError('usdc-unsigned', `The token at ${token} signs under a domain of another form.`, {
      hint: 'Check the USDC address of the deployment.',
    })
  }

  return {
    usdc: async () => {
      domain ??= await readDomain()
      return domain
    },
    lease: async (leaseId) => {
      const [lease, refundable] = await chain.request('read the lease', (client) =>
        Promise.all([
          client.readContract({ ...escrow, functionName: 'leaseOf', args: [leaseId] }),
          client.readContract({ ...escrow, functionName: 'refundable', args: [leaseId] }),
        ]),
      )
      return isAddressEqual(lease.tenant, zeroAddress) ? null : { tenant: lease.tenant, refundable }
    },
    look: (account) =>
      chain.request('read an account', async (client) => {
        const [block, code] = await Promise.all([
          client.getBlock({ blockTag: 'latest' }),
          client.getCode({ address: account }),
        ])
        return { now: block.timestamp, hasCode: code !== undefined && code !== '0x' }
      }),
    accepts: (account, digest, signature) => askWallet(chain, account, digest, signature),
    simulate: ({ kind, to, data }, cap) =>
      chain.request(`simulate ${kind}`, async (client) => {
        try {
          return await client.estimateGas({ account: address, to, data, value: 0n, gas: cap })
        } catch (error) {
          throw refusalOf({ kind, to, data }, cap, error)
        }
      }),
    purse: async () => {
      const [{ maxFeePerGas }, held] = await Promise.all([
        marketFees(chain),
        chain.request('read the gas balance', (client) => client.getBalance({ address })),
      ])
      return { fee: maxFeePerGas, held }
    },
    paid: (hash) =>
      chain.request('read a receipt', async (client) => {
        try {
          const receipt = await client.getTransactionReceipt({ hash })
          return receipt.gasUsed * receipt.effectiveGasPrice
        } catch (error) {
          if (error instanceof TransactionReceiptNotFoundError) return null
          throw error
        }
      }),
  }
}

/** A simulation that failed → why, as an error of this service; anything but a refusal is handed back as it is. */
const refusalOf = (call: { kind: string; to: Address; data: Hex }, cap: bigint, error: unknown): unknown => {
  if (OUT_OF_GAS.test(String(error))) {
    return new ChainError('sponsor-gas', `The call takes more than the ${cap} gas that is paid for.`, {
      hint: 'Send it with gas of your own.',
    })
  }
  const revert = revertOf({ ...call, dedupe: '' }, error)
  return revert === undefined ? error : contractRefused(revert)
}

/** The contract's own sentence, under the code by which a tenant knows that gas of their own would not help. */
const contractRefused = (error: RevertError): ChainError =>
  new ChainError('contract-refused', error.message, {
    hint: error.hint,
    details: { error: error.errorName },
    cause: error,
  })
