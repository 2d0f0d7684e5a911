// Is this the dollar? Asked before anything is deployed, since the escrow can never hold another token.
import { DecloudError, USDC_ADDRESSES } from '@decloud/protocol'
import { type Address, type PublicClient, parseAbi } from 'viem'

const tokenAbi = parseAbi([
  'function symbol() view returns (string)',
  'function decimals() view returns (uint8)',
])

export type Token = { symbol: string; decimals: number }

/** @throws DecloudError `usdc-missing` without code at the address or without answers to the two questions. */
export const readToken = async (
  client: Pick<PublicClient, 'getCode' | 'readContract'>,
  address: Address,
): Promise<Token> => {
  const missing = (cause?: unknown) =>
    new DecloudError('usdc-missing', `There is no USDC at ${address} on this chain.`, {
      hint: 'Check which chain the RPC is on.',
      ...(cause === undefined ? {} : { cause }),
    })
  if (((await client.getCode({ address })) ?? '0x') === '0x') throw missing()
  try {
    const [symbol, decimals] = await Promise.all([
      client.readContract({ address, abi: tokenAbi, functionName: 'symbol' }),
      client.readContract({ address, abi: tokenAbi, functionName: 'decimals' }),
    ])
    return { symbol, decimals }
  } catch (cause) {
    throw missing(cause)
  }
}

export const isUsdc = ({ symbol, decimals }: Token): boolean => symbol === 'USDC' && decimals === 6

/**
 * Circle's USDC of a chain, after a look at it.
 * @throws DecloudError `usdc-unknown` for a chain without one, `usdc-missing`, `usdc-wrong`.
 */
export const findUsdc = async (
  client: Pick<PublicClient, 'getCode' | 'readContract'>,
  chainId: number,
): Promise<Address> => {
  const address = USDC_ADDRESSES[chainId]
  if (address === undefined) {
    throw new DecloudError('usdc-unknown', `No native USDC is known on chain ${chainId}.`)
  }
  const token = await readToken(client, address)
  if (isUsdc(token)) return address
  throw new DecloudError(
    'usdc-wrong',
    `The token at ${address} is ${token.symbol} with ${token.decimals} decimals, not USDC with 6.`,
    { hint: 'Check which chain the RPC is on.' },
  )
}
