// What the audit reads of the token.
import { parseAbi } from 'viem'

export const usdcAbi = parseAbi([
  'event Transfer(address indexed from, address indexed to, uint256 value)',
  'function balanceOf(address account) view returns (uint256)',
])
