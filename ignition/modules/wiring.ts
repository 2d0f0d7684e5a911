import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'
import { keccak256, stringToHex, zeroHash } from 'viem'
import type { GovernanceModule } from './governance.ts'
import type { Plan } from './plan.ts'
import type { ProtocolModule } from './protocol.ts'
import type { SatellitesModule } from './satellites.ts'

/** Seconds between a proposal and the earliest moment it may be carried out. */
const TIMELOCK_DELAY = 48n * 3_600n

const roleOf = (name: string) => keccak256(stringToHex(name))
const PROPOSER = roleOf('PROPOSER_ROLE')
const CANCELLER = roleOf('CANCELLER_ROLE')
const EXECUTOR = roleOf('EXECUTOR_ROLE')

/** The timelock's roles as they are to be; the deployer keeps only what the plan gives it. */
const rolesOf = ({ deployer, proposers, executors }: Plan) => {
  const grants = [
    ...proposers.flatMap((account) => [[PROPOSER, account] as const, [CANCELLER, account] as const]),
    ...executors.map((account) => [EXECUTOR, account] as const),
  ]
  const kept = new Set(grants.filter(([, account]) => account === deployer).map(([role]) => role))
  return {
    grants: grants.filter(([, account]) => account !== deployer),
    revokes: [PROPOSER, CANCELLER, EXECUTOR].filter((role) => !kept.has(role)),
  }
}

/**
 * All that only the owner may set, then the timelock's own roles and delay: one batch, all of it or nothing. After it
 * nobody can do anything to these contracts in less than 48 hours.
 */
export const makeWiring = (
  plan: Plan,
  modules: { governance: GovernanceModule; protocol: ProtocolModule; satellites: SatellitesModule },
) =>
  buildModule('Wiring', (m) => {
    const { timelock } = m.useModule(modules.governance)
    const { leaseDesk, downtimeQuorum } = m.useModule(modules.protocol)
    const { templateRegistry, reputation } = m.useModule(modules.satellites)
    const { grants, revokes } = rolesOf(plan)
    let calls = 0
    const encode = (contract: Parameters<typeof m.encodeFunctionCall>[0], name: string, args: unknown[]) => {
      calls += 1
      // Ignition's own type of arguments is not exported; these are addresses, numbers and contracts.
      const given = args as Parameters<typeof m.encodeFunctionCall>[2]
      return { contract, payload: m.encodeFunctionCall(contract, name, given, { id: `call${calls}` }) }
    }
    const batch = [
      encode(leaseDesk, 'announceTemplates', [templateRegistry]),
      encode(leaseDesk, 'setGuardian', [plan.guardian]),
      encode(leaseDesk, 'setScheduler', [plan.scheduler]),
      encode(downtimeQuorum, 'setAttesters', [[...plan.attesters], BigInt(plan.quorum)]),
      ...plan.attesters.slice(1).map((attester) => encode(reputation, 'setAttester', [attester, true])),
      ...grants.map(([role, account]) => encode(timelock, 'grantRole', [role, account])),
      ...revokes.map((role) => encode(timelock, 'revokeRole', [role, plan.deployer])),
      encode(timelock, 'updateDelay', [TIMELOCK_DELAY]),
    ]
    const args = [
      batch.map(({ contract }) => contract),
      batch.map(() => 0n),
      batch.map(({ payload }) => payload),
      zeroHash,
      zeroHash,
    ]
    const scheduled = m.call(timelock, 'scheduleBatch', [...args, 0n])
    m.call(timelock, 'executeBatch', args, { after: [scheduled] })
    return {}
  })
