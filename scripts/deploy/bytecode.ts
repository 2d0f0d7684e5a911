// Is the code on the chain the code of this tree? Immutables are filled in by the constructor: they are compared as the
// figures they are, elsewhere, and left out here.
import { readFile } from 'node:fs/promises'
import { DecloudError } from '@decloud/protocol'
import { type Hex, hexToBytes } from 'viem'
import { z } from 'zod'

const ARTIFACTS = new URL('../../build/hardhat/artifacts/', import.meta.url)

const artifactSchema = z.object({
  deployedBytecode: z.string().regex(/^0x[0-9a-f]+$/),
  immutableReferences: z.record(z.string(), z.array(z.object({ start: z.int(), length: z.int() }))),
})

/** @param source path of the artifact's directory, for example `contracts/src/LeaseEscrow.sol`. */
const artifactOf = async (source: string) => {
  const contract = source.slice(source.lastIndexOf('/') + 1, -'.sol'.length)
  const file = new URL(`${source}/${contract}.json`, ARTIFACTS)
  try {
    return artifactSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (cause) {
    throw new DecloudError('artifact-missing', `The compiled ${contract} is not here.`, {
      hint: 'Run `npx hardhat build`.',
      cause,
    })
  }
}

/** @throws DecloudError `artifact-missing`. */
export const isOurs = async (source: string, deployed: Hex): Promise<boolean> => {
  const { deployedBytecode, immutableReferences } = await artifactOf(source)
  const [ours, theirs] = [hexToBytes(deployedBytecode as Hex), hexToBytes(deployed)]
  for (const { start, length } of Object.values(immutableReferences).flat()) {
    ours.fill(0, start, start + length)
    theirs.fill(0, start, start + length)
  }
  return Buffer.from(ours).equals(Buffer.from(theirs))
}
