// Where a deployment is written down. `<chain id>.json` is what every process needs and reads; `<chain id>.satellites.json`
// beside it names the contracts around the escrow, for auditors and for those who use them.
import { readFile, rename, writeFile } from 'node:fs/promises'
import { DecloudError, type Deployment, deploymentSchema } from '@decloud/protocol'
import { type Address, getAddress } from 'viem'
import { z } from 'zod'

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'an address is 0x and 40 hex digits')
  .transform((text): Address => getAddress(text))

const satellitesSchema = z.strictObject({
  chainId: z.int().positive(),
  /** Owner of the policy, of the escrow's pointers and of the list of attesters. */
  timelock: address.optional(),
  templateRegistry: address.optional(),
  leaseAccess: address.optional(),
  reviews: address.optional(),
  reputation: address.optional(),
  premiumStake: address.optional(),
})
export type SatelliteRecord = z.output<typeof satellitesSchema>

/** The names under which a deployment may have them. */
export const SATELLITES = satellitesSchema.omit({ chainId: true }).keyof().options

const satellitesFile = (file: string) => `${file.replace(/\.json$/, '')}.satellites.json`

const parse = async <schema extends z.ZodType>(file: string, text: string, schema: schema) => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new DecloudError('deployment-invalid', `${file} is not JSON.`, { cause })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new DecloudError('deployment-invalid', `${file} is no deployment: ${z.prettifyError(parsed.error)}`)
}

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT'

/**
 * @param file `deployments/<chain id>.json`; the satellites are read from the file beside it, if there is one.
 * @throws DecloudError `deployment-unreadable`, `deployment-invalid`.
 */
export const readDeployment = async (
  file: string,
): Promise<{ deployment: Deployment; satellites: Omit<SatelliteRecord, 'chainId'> }> => {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new DecloudError('deployment-unreadable', `The deployment file ${file} cannot be read.`, {
      hint: 'Give the file that `npm run deploy` wrote.',
      cause,
    })
  })
  const deployment = await parse(file, text, deploymentSchema)
  const beside = satellitesFile(file)
  const more = await readFile(beside, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return undefined
    throw new DecloudError('deployment-unreadable', `${beside} cannot be read.`, { cause: error })
  })
  if (more === undefined) return { deployment, satellites: {} }
  const { chainId, ...satellites } = await parse(beside, more, satellitesSchema)
  if (chainId !== deployment.chainId) {
    throw new DecloudError('deployment-invalid', `${file} and ${beside} are of different chains.`)
  }
  return { deployment, satellites }
}

// A reader sees the old file or the new one, never half of one.
const replace = async (file: string, value: unknown) => {
  await writeFile(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`)
  await rename(`${file}.new`, file)
}

/** Writes both files, the satellites first: whoever finds the deployment finds them too. */
export const writeDeployment = async (
  file: string,
  deployment: Deployment,
  satellites: Omit<SatelliteRecord, 'chainId'>,
): Promise<void> => {
  await replace(satellitesFile(file), { chainId: deployment.chainId, ...satellites })
  await replace(file, deployment)
}
