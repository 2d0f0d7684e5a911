// The token as wallets sign for it, found out by asking it.
import type { TokenDomain } from '@decloud/protocol/mandates'
import { queryOptions } from '@tanstack/react-query'
import { domainSeparator, parseAbi } from 'viem'
import { readContract } from 'viem/actions'
import type { Runtime } from './runtime.tsx'

const domainAbi = parseAbi([
  'function name() view returns (string)',
  'function version() view returns (string)',
  'function DOMAIN_SEPARATOR() view returns (bytes32)',
])

/**
 * The domain that the token checks signatures against: one that hashes to the token's own separator.
 * @returns `null` for a token that does not say, and so takes neither permits nor authorizations.
 */
export const readTokenDomain = async ({ client, config }: Runtime): Promise<TokenDomain | null> => {
  const token = { address: config.usdc, abi: domainAbi } as const
  const [name, version, separator] = await Promise.allSettled([
    readContract(client, { ...token, functionName: 'name' }),
    readContract(client, { ...token, functionName: 'version' }),
    readContract(client, { ...token, functionName: 'DOMAIN_SEPARATOR' }),
  ])
  if (name.status === 'rejected' || version.status === 'rejected' || separator.status === 'rejected') {
    return null
  }
  const domain = {
    name: name.value,
    version: version.value,
    chainId: config.chainId,
    verifyingContract: config.usdc,
  }
  return domainSeparator({ domain }) === separator.value ? domain : null
}

export const tokenDomainQuery = (runtime: Runtime) =>
  queryOptions({
    queryKey: ['token-domain', runtime.config.chainId, runtime.config.usdc],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => readTokenDomain(runtime),
  })
