// Who can make the timelock do something, rebuilt from its logs: a contract of roles does not list its members.
import { type Address, getAddress, type Hex, type PublicClient, parseAbi } from 'viem'
import type { Inspected } from './inspect.ts'
import type { Finding } from './report.ts'

const TWO_DAYS = 48n * 3_600n
const SPAN = 10_000n

const timelockAbi = parseAbi([
  'event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender)',
  'event RoleRevoked(bytes32 indexed role, address indexed account, address indexed sender)',
  'event CallScheduled(bytes32 indexed id, uint256 indexed index, address target, uint256 value, bytes data, bytes32 predecessor, uint256 delay)',
  'function isOperationPending(bytes32 id) view returns (bool)',
  'function getMinDelay() view returns (uint256)',
  'function hasRole(bytes32 role, address account) view returns (bool)',
  'function PROPOSER_ROLE() view returns (bytes32)',
  'function EXECUTOR_ROLE() view returns (bytes32)',
  'function CANCELLER_ROLE() view returns (bytes32)',
  'function DEFAULT_ADMIN_ROLE() view returns (bytes32)',
])

const ROLES = ['PROPOSER_ROLE', 'EXECUTOR_ROLE', 'CANCELLER_ROLE', 'DEFAULT_ADMIN_ROLE'] as const
type RoleName = (typeof ROLES)[number]

async function* ranges(client: PublicClient, fromBlock: bigint) {
  const head = await client.getBlockNumber({ cacheTime: 0 })
  for (let from = fromBlock; from <= head; from += SPAN) {
    yield { fromBlock: from, toBlock: from + SPAN - 1n < head ? from + SPAN - 1n : head }
  }
}

/** All who were ever given a role: who holds it now is asked of the contract. */
const everGranted = async (
  client: PublicClient,
  address: Address,
  fromBlock: bigint,
): Promise<Set<Address>> => {
  const accounts = new Set<Address>()
  for await (const range of ranges(client, fromBlock)) {
    const logs = await client.getContractEvents({
      ...{ address, abi: timelockAbi, eventName: 'RoleGranted' as const, ...range },
      strict: true,
    })
    for (const { args } of logs) accounts.add(getAddress(args.account))
  }
  return accounts
}

/** What was announced and not carried out: with a delay of its own, however long the present one is. */
const pendingOf = async (client: PublicClient, address: Address, fromBlock: bigint): Promise<Hex[]> => {
  const pending = new Set<Hex>()
  for await (const range of ranges(client, fromBlock)) {
    const logs = await client.getContractEvents({
      ...{ address, abi: timelockAbi, eventName: 'CallScheduled' as const, ...range },
      strict: true,
    })
    for (const { args } of logs) {
      const question = { address, abi: timelockAbi, functionName: 'isOperationPending' as const }
      if (await client.readContract({ ...question, args: [args.id] })) pending.add(args.id)
    }
  }
  return [...pending]
}

const membersOf = async (client: PublicClient, address: Address, fromBlock: bigint) => {
  const accounts = await everGranted(client, address, fromBlock)
  const members = {} as Record<RoleName, string[]>
  for (const name of ROLES) {
    const role = await client.readContract({ address, abi: timelockAbi, functionName: name })
    const held: string[] = []
    for (const account of accounts) {
      const args = [role, account] as const
      if (await client.readContract({ address, abi: timelockAbi, functionName: 'hasRole', args }))
        held.push(account)
    }
    members[name] = held.sort()
  }
  return members
}

const found = (what: string, members: readonly string[], expected?: readonly string[]): Finding => {
  const [value, wanted] = [members.join(' ') || 'nobody', expected && [...expected].sort().join(' ')]
  const ok = members.length > 0 && (wanted === undefined || wanted === value)
  return { topic: 'timelock', what, value, ok, expected: wanted ?? 'somebody' }
}

/** The delay of the timelock and the holders of its roles. Without one nobody waits: that is a finding. */
export const timelockFindings = async ({ client, deployment, roles }: Inspected): Promise<Finding[]> => {
  const { timelock } = deployment
  if (timelock === undefined) {
    return [{ topic: 'timelock', what: 'address', value: 'none', ok: false, expected: 'a timelock' }]
  }
  const delay = await client.readContract({
    address: timelock,
    abi: timelockAbi,
    functionName: 'getMinDelay',
  })
  const members = await membersOf(client, timelock, BigInt(deployment.fromBlock))
  const pending = await pendingOf(client, timelock, BigInt(deployment.fromBlock))
  return [
    {
      topic: 'timelock',
      what: 'delay, s',
      value: `${delay}`,
      ok: delay >= TWO_DAYS,
      expected: `${TWO_DAYS}`,
    },
    found('may announce', members.PROPOSER_ROLE, roles?.proposers),
    found('may carry out (0x0: anybody)', members.EXECUTOR_ROLE, roles?.executors),
    found('may cancel', members.CANCELLER_ROLE, roles?.proposers),
    found('may change these roles', members.DEFAULT_ADMIN_ROLE, [timelock]),
    {
      topic: 'timelock',
      what: 'announced and not carried out',
      value: pending.join(' ') || 'nothing',
      ok: pending.length === 0,
      expected: 'nothing',
    },
  ]
}
