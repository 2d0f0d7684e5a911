// A keeper that pays for gas, where one is configured: the tenant signs, it sends. A convenience like every keeper: what
// it does not answer, or does not pay for, the tenant sends alone.
import { DecloudError } from '@decloud/protocol/errors'
import { problemSchema } from '@decloud/protocol/wire/api'
import {
  CONTRACT_REFUSALS,
  type SponsorKind,
  type SponsorStatus,
  type Sponsorship,
  sponsorStatusSchema,
  sponsorshipSchema,
} from '@decloud/protocol/wire/sponsor'
import { queryOptions } from '@tanstack/react-query'
import type { Address } from 'viem'
import type { Runtime } from './runtime.tsx'

const STATUS_DEADLINE_MS = 4_000
/** The keeper simulates, sends and waits for the block, as long as it is asked to wait. */
const WAIT_SECONDS = 15
const ANSWER_DEADLINE_MS = 30_000
/** How often a call that is on its way is asked after, and for how long. */
const LOOKS = 30
const LOOK_MS = 2_000

const at = (keeperUrl: string, path: string) =>
  new URL(path, keeperUrl.endsWith('/') ? keeperUrl : `${keeperUrl}/`)

/** `null` where no keeper is configured, none answers, or it pays for nobody. */
export const sponsorQuery = (runtime: Runtime, account: Address | undefined) =>
  queryOptions({
    queryKey: ['sponsor', runtime.config.keeperUrl, account],
    staleTime: 15_000,
    queryFn: async (): Promise<SponsorStatus | null> => {
      const { keeperUrl } = runtime.config
      if (keeperUrl === undefined) return null
      const url = at(keeperUrl, `api/sponsor${account === undefined ? '' : `?address=${account}`}`)
      const json = await ask(url, { signal: AbortSignal.timeout(STATUS_DEADLINE_MS) })
      const parsed = sponsorStatusSchema.safeParse(json?.body)
      return parsed.success && parsed.data.enabled ? parsed.data : null
    },
  })

/** Whether the sponsor takes one more call of this account today. */
export const offers = (status: SponsorStatus | null | undefined): boolean =>
  status != null && (status.remaining === null || (status.remaining.count > 0 && status.remaining.cost > 0n))

/** Whether it would pay for opening a lease with this deposit, µUSDC. */
export const offersOpening = (status: SponsorStatus | null | undefined, deposit: bigint): boolean =>
  status != null && offers(status) && deposit >= status.limits.minDeposit

type Answer = { ok: boolean; body: unknown }

/** @returns undefined when nobody answers in time, or not in JSON. */
const ask = (url: URL, init: RequestInit): Promise<Answer | undefined> =>
  fetch(url, { ...init, credentials: 'omit' })
    .then(async (response) => ({ ok: response.ok, body: (await response.json()) as unknown }))
    .catch(() => undefined)

/**
 * Hands a signed call in and waits until it is in a block.
 * @returns undefined when the sponsor does not carry it out, for whatever reason of its own.
 * @throws DecloudError `contract-refused` when the contracts would not take it from anybody; `sponsor-slow` when it is
 *   still on its way after a minute: handing it in again goes on waiting for the same transaction.
 */
export const handIn = async (
  runtime: Runtime,
  kind: SponsorKind,
  body: object,
): Promise<Sponsorship | undefined> => {
  const { keeperUrl } = runtime.config
  if (keeperUrl === undefined) return undefined
  const answer = await ask(at(keeperUrl, `api/sponsor/${kind}?wait=${WAIT_SECONDS}`), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
  })
  if (answer === undefined) return undefined
  if (!answer.ok) throwRefusal(answer.body)
  return settled(keeperUrl, answer.body)
}

/** @throws DecloudError for a refusal that gas would not mend; returns for all others. */
const throwRefusal = (body: unknown): void => {
  const problem = problemSchema.safeParse(body)
  if (!problem.success || !CONTRACT_REFUSALS.has(problem.data.code)) return
  throw new DecloudError(problem.data.code, problem.data.detail ?? problem.data.title)
}

const settled = async (keeperUrl: string, first: unknown): Promise<Sponsorship | undefined> => {
  let parsed = sponsorshipSchema.safeParse(first)
  for (let look = 0; parsed.success && parsed.data.state === 'waiting'; look++) {
    if (look === LOOKS) throw slow()
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    const url = at(keeperUrl, `api/sponsor/${parsed.data.id}`)
    const answer = await ask(url, { signal: AbortSignal.timeout(STATUS_DEADLINE_MS) })
    // One look that fails says nothing: the call is on its way all the same.
    if (answer?.ok === true) parsed = sponsorshipSchema.safeParse(answer.body)
  }
  return parsed.success && parsed.data.state === 'done' && parsed.data.transaction !== null
    ? parsed.data
    : undefined
}

const slow = () =>
  new DecloudError('sponsor-slow', 'The network has not included it yet; the sponsor goes on trying.', {
    hint: 'Check again in a moment; nothing is sent twice.',
  })
