// Publishes the sources of a deployment where an explorer shows them.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Deployment } from '@decloud/protocol'

type Created = { address: string; source: string; constructorArgs: readonly string[] }

/**
 * The contracts that the escrow created with itself. Ignition publishes what it deployed, and it deployed the escrow;
 * what these were constructed with follows from the escrow's constructor.
 */
export const createdByEscrow = (deployment: Deployment): readonly Created[] => {
  const { leaseEscrow, leaseDesk, downtimeQuorum, leaseMandates, nodeRegistry, pricePolicy } = deployment
  const owner = deployment.timelock === undefined ? [] : [deployment.timelock]
  const created = (address: string, contract: string, constructorArgs: readonly string[]) => ({
    address,
    source: `contracts/src/${contract}.sol:${contract}`,
    constructorArgs,
  })
  return [
    created(leaseDesk, 'LeaseDesk', [nodeRegistry, pricePolicy, ...owner]),
    created(downtimeQuorum, 'DowntimeQuorum', [leaseEscrow, ...owner]),
    created(leaseMandates, 'LeaseMandates', []),
  ]
}

/** Says what the explorer answered. A refusal is no failure of the deployment: sources can be published on any day. */
export const publishSources = async (
  network: string,
  deploymentId: string,
  deployment: Deployment,
): Promise<void> => {
  const hardhat = async (...args: string[]) => {
    const { stdout, stderr } = await promisify(execFile)('hardhat', ['--network', network, ...args], {
      timeout: 600_000,
    }).catch((error: { stdout?: string; stderr?: string }) => error)
    console.log(`${stdout ?? ''}${stderr ?? ''}`)
  }
  await hardhat('ignition', 'verify', deploymentId)
  for (const { address, source, constructorArgs } of createdByEscrow(deployment)) {
    await hardhat('verify', 'etherscan', '--contract', source, address, ...constructorArgs)
  }
}
