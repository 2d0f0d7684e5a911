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

const rolesSchema = z
  .strictObject({
    /** May announce what the timelock is to do, and cancel it. */
    proposers: z.array(somebody).min(1),
    /** May carry out what has waited long enough; the zero address is anybody. */
    executors: z.array(address).min(1),
    /** Takes out what the platform earns. */
    platformPayee: somebody,
    /** May pause new business for a week. */
    guardian: somebody,
    /** May place requests before anybody else. */
    scheduler: somebody,
    /** They attest uptime; a quorum of them credits downtime. */
    attesters: z
      .array(somebody)
      .min(3)
      .refine((list) => new Set(list).size === list.length, 'an attester is named twice'),
    quorum: z.int().min(2),
    /** µUSDC that make a node premium. */
    minimumStake: z
      .string()
      .regex(/^[1-9]\d{0,17}$/, 'µUSDC in digits')
      .transform(BigInt),
  })
  .refine(
    ({ quorum, attesters }) => quorum <= attesters.length,
    'the quorum is larger than the list of attesters',
  )
export type Roles = z.output<typeof rolesSchema>

export const ROLES_SHAPE = `{
  "proposers": ["0x…"],        may announce what the timelock is to do, and cancel it
  "executors": ["0x…"],        may carry it out 48 h later; 0x0000000000000000000000000000000000000000 is anybody
  "platformPayee": "0x…",      takes out what the platform earns
  "guardian": "0x…",           may pause new business for a week, and no more often than every other week
  "scheduler": "0x…",          may place requests before anybody else: a keeper
  "attesters": ["0x…", …],     three or more: they attest uptime, and
  "quorum": 2,                 so many of them, two at least, credit downtime
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

/**
 * On a chain of one's own: the first of its accounts governs and is paid, the next ones guard, schedule and attest.
 * @throws DecloudError `accounts-few` when the chain has not six accounts.
 */
export const localRoles = (accounts: readonly Address[]): Roles => {
  const [first, guardian, scheduler, ...others] = accounts
  const attesters = others.slice(0, 3)
  if (first === undefined || guardian === undefined || scheduler === undefined || attesters.length < 3) {
    throw new DecloudError(
      'accounts-few',
      `The chain has ${accounts.length} accounts of its own, six are needed.`,
      {
        hint: 'Give the roles in a file: --roles FILE.',
      },
    )
  }
  return {
    proposers: [first],
    executors: [first],
    platformPayee: first,
    guardian,
    scheduler,
    attesters,
    quorum: 2,
    minimumStake: 1_000_000_000n,
  }
}
