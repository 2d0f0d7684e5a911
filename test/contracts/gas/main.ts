// `npm run gas`: whole transactions and bytecode, against targets and the snapshot in contracts/gas.json.
import { readFile, writeFile } from 'node:fs/promises'
import { artifacts } from 'hardhat'
import { readFlags } from '../../../scripts/lib/flags.ts'
import { measure } from './scenarios.ts'

const HELP = `usage: npm run gas [-- --update]

Prints "name: gas (target)" of whole transactions on a local chain, and the bytes of each contract. Exits 1 when a figure
rose above the snapshot in contracts/gas.json, above its target, or is not in the snapshot.

  --update  writes the snapshot`
const SNAPSHOT = 'contracts/gas.json'
/** EIP-170. */
const MAX_BYTECODE = 24_576
const DEPLOYED = [
  'LeaseEscrow',
  'LeaseDesk',
  'LeaseMandates',
  'DowntimeQuorum',
  'NodeRegistry',
  'PricePolicy',
  'TemplateRegistry',
  'LeaseAccess',
  'Reviews',
  'Reputation',
  'PremiumStake',
  'Payouts',
] as const

type Snapshot = { gas: Record<string, number>; bytecode: Record<string, number> }

const sizeOf = async (contract: string) => {
  const artifact = await artifacts.readArtifact(contract)
  return (artifact.deployedBytecode.length - 2) / 2
}

const { values } = readFlags(HELP, { update: { type: 'boolean', default: false } })

const measurements = await measure()
const now: Snapshot = { gas: {}, bytecode: {} }
const problems: string[] = []

for (const { name, gas, target, allowed } of measurements) {
  now.gas[name] = gas
  console.log(`${name}: ${gas}${target === undefined ? '' : ` (${target})`}`)
  const limit = allowed ?? target
  if (limit !== undefined && gas > limit) problems.push(`${name} costs ${gas}, over ${limit}`)
}
for (const contract of DEPLOYED) {
  const size = await sizeOf(contract)
  now.bytecode[contract] = size
  console.log(`${contract} bytecode: ${size} (${MAX_BYTECODE})`)
  if (size > MAX_BYTECODE) problems.push(`${contract} has ${size} bytes, over the limit of ${MAX_BYTECODE}`)
}

if (values.update) {
  await writeFile(SNAPSHOT, `${JSON.stringify(now, null, 2)}\n`)
  console.log(`wrote ${SNAPSHOT}`)
} else {
  const before = JSON.parse(await readFile(SNAPSHOT, 'utf8')) as Snapshot
  for (const kind of ['gas', 'bytecode'] as const) {
    for (const [name, value] of Object.entries(now[kind])) {
      const was = before[kind][name]
      if (was === undefined) problems.push(`${name} is not in ${SNAPSHOT}: run with --update`)
      else if (value > was) problems.push(`${name} rose from ${was} to ${value}`)
    }
  }
}

for (const problem of problems) console.error(`gas: ${problem}`)
process.exitCode = problems.length === 0 ? 0 : 1
