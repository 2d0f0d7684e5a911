// The artifacts of the last `hardhat build`, compiled with the settings that are deployed.
import { createHash } from 'node:crypto'
import { artifacts } from 'hardhat'
import type { Artifact } from './edr.ts'

export const builtArtifacts = async (): Promise<Artifact[]> => {
  const names = [...(await artifacts.getAllFullyQualifiedNames())].sort()
  return Promise.all(
    names.map(async (name) => {
      const built = await artifacts.readArtifact(name)
      // A build's name begins with its compiler: solc-0_8_37-….
      const [, solcVersion = ''] = /^solc-(\d+_\d+_\d+)/.exec(built.buildInfoId ?? '') ?? []
      return {
        id: {
          name: built.contractName,
          solcVersion: solcVersion.replaceAll('_', '.'),
          source: built.sourceName,
        },
        contract: {
          abi: JSON.stringify(built.abi),
          bytecode: built.bytecode,
          linkReferences: built.linkReferences,
          deployedBytecode: built.deployedBytecode,
          deployedLinkReferences: built.deployedLinkReferences,
        },
      }
    }),
  )
}

/** Of everything that the tests run. */
export const hashOf = (built: readonly Artifact[]): string => {
  const hash = createHash('sha256')
  for (const { id, contract } of built) hash.update(`${id.source}:${id.name}\n${contract.bytecode}\n`)
  return hash.digest('hex')
}
