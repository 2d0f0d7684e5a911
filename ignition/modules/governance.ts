import { buildModule } from '@nomicfoundation/hardhat-ignition/modules'
import { zeroAddress } from 'viem'

/** Seconds between a proposal and the earliest moment it may be carried out. */
export const TIMELOCK_DELAY = 48n * 3_600n

/** Owner of everything that has one. Nobody administers it but itself, after its own delay. */
export const governance = buildModule('Governance', (m) => {
  const proposers = m.getParameter<string[]>('proposers')
  const executors = m.getParameter<string[]>('executors')
  const timelock = m.contract('TimelockController', [TIMELOCK_DELAY, proposers, executors, zeroAddress])
  return { timelock }
})
