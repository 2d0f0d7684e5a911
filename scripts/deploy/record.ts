// Where a deployment is written down: `<chain id>.json`, which every process reads.
import { readFile, rename, writeFile } from 'node:fs/promises'
import { DecloudError, type Deployment, deploymentSchema } from '@decloud/protocol'
import { z } from 'zod'

/**
 * @param file `deployments/<chain id>.json`.
 * @throws DecloudError `deployment-unreadable`, `deployment-invalid`.
 */
export const readDeployment = async (file: string): Promise<Deployment> => {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new DecloudError('deployment-unreadable', `The deployment file ${file} cannot be read.`, {
      hint: 'Give the file that `npm run deploy` wrote.',
      cause,
    })
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new DecloudError('deployment-invalid', `${file} is not JSON.`, { cause })
  }
  const parsed = deploymentSchema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new DecloudError('deployment-invalid', `${file} is no deployment: ${z.prettifyError(parsed.error)}`)
}

/** A reader sees the old file or the new one, never half of one. */
export const writeDeployment = async (file: string, deployment: Deployment): Promise<void> => {
  await writeFile(`${file}.new`, `${JSON.stringify(deployment, null, 2)}\n`)
  await rename(`${file}.new`, file)
}
