// Who is to hold which role: the one input of a deployment that no chain can give.
import { readFile } from 'node:fs/promises'
import { DecloudError } from '@decloud/protocol'
import { type Address, getAddress, zeroAddress } from 'viem'
import { z } from 'zod'

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'an address is 0x and 40 hex digits')
  .transform((text): Address => getAddress(text))
const somebody = address.refine((it) => it !== zeroAddress, 'the zero address is nobody')

const rolesSchema = z.strictObject({
  /** May announce what the timelock is to do, and cancel it. */
  proposers: z.array(somebody).min(1),
  /** May carry out what has waited long enough; the zero address is anybody. */
  executors: z.array(address).min(1),
  /** Takes out what the platform earns. */
  platformPayee: somebody,
  /** First on the list of those who attest uptime. */
  attester: somebody,
  /** µUSDC that make a node premium. */
  minimumStake: z
    .string()
    .regex(/^[1-9]\d{0,17}$/, 'µUSDC in digits')
    .transform(BigInt),
})
export type Roles = z.output<typeof rolesSchema>

export const ROLES_SHAPE = `{
  "proposers": ["0x…"],        may announce what the timelock is to do, and cancel it
  "executors": ["0x…"],        may carry it out 48 h later; 0x0000000000000000000000000000000000000000 is anybody
  "platformPayee": "0x…",      takes out what the platform earns
  "attester": "0x…",           first on the list of those who attest uptime
  "minimumStake": "1000000000" µUSDC that make a node premium
}`

/** @throws DecloudError `roles-unreadable`, `roles-invalid`. */
export const readRoles = async (file: string): Promise<Roles> => {
  let json: unknown
  try {
    json = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new DecloudError('roles-unreadable', `The roles in ${file} cannot be read.`, {
      hint: `It is a JSON file:\n${ROLES_SHAPE}`,
      cause,
    })
  }
  const parsed = rolesSchema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new DecloudError('roles-invalid', `The roles in ${file} do not do: ${z.prettifyError(parsed.error)}`)
}

/** On a chain of one's own one account is everybody. */
export const localRoles = (deployer: Address): Roles => ({
  proposers: [deployer],
  executors: [deployer],
  platformPayee: deployer,
  attester: deployer,
  minimumStake: 1_000_000_000n,
})
