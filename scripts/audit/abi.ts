// What the audit reads of contracts that @decloud/protocol carries no ABI of, and of the token.
import { parseAbi } from 'viem'

export const usdcAbi = parseAbi([
  'event Transfer(address indexed from, address indexed to, uint256 value)',
  'function balanceOf(address account) view returns (uint256)',
])

export const reviewsAbi = parseAbi([
  'struct Rating { uint64 sum; uint64 count; }',
  'event NodeReviewed(bytes32 indexed leaseId, uint32 indexed node, address indexed tenant, uint8 stars, string title, string comment, uint64 sum, uint64 count)',
  'event TemplateReviewed(bytes32 indexed leaseId, uint32 indexed template, address indexed tenant, uint32 version, uint8 stars, string title, string comment, uint64 sum, uint64 count)',
  'function nodeRatingOf(uint32 node) view returns (Rating)',
  'function templateRatingOf(uint32 template) view returns (Rating)',
  'function starsOf(bytes32 leaseId) view returns (uint8 nodeStars, uint8 templateStars)',
])

export const reputationAbi = parseAbi([
  'event AttesterChanged(address indexed attester, bool allowed)',
  'event Attested(address indexed attester, uint32 indexed day, uint32 firstGroup, uint256[] words)',
  'event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner)',
  'event OwnershipTransferred(address indexed previousOwner, address indexed newOwner)',
  'function attesters() view returns (address[])',
  'function wordOf(address attester, uint32 day, uint32 group) view returns (uint256)',
])

export const premiumStakeAbi = parseAbi([
  'struct Stake { uint96 bonded; uint96 unbonding; uint32 lockedUntil; uint32 releaseAt; }',
  'event StakeChanged(uint32 indexed node, address indexed staker, uint96 bonded, uint96 unbonding, uint32 lockedUntil, uint32 releaseAt)',
  'function stakeOf(uint32 node, address staker) view returns (Stake)',
  'function totalStaked() view returns (uint256)',
])
