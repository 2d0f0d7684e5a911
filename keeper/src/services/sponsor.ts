// Pays the gas of what tenants signed. A request costs the keeper nothing but reads until its signature has been found
// good; then the day's limits are charged to the signer, in the same transaction that takes the place; then it is sent,
// through the journal like everything else.
import { setTimeout as delay } from 'node:timers/promises'
import { type Journal, RevertError, recovers } from '@decloud/chain'
import { DecloudError, type Deployment, formatUsdc, sentenceOf } from '@decloud/protocol'
import type { SponsorRequest, SponsorStatus, Sponsorship } from '@decloud/protocol/wire/sponsor'
import { type Address, type Hex, size } from 'viem'
import type { SponsorConfig } from '../config/sponsor.ts'
import {
  costOf,
  dayOf,
  GAS_CAP,
  judgeTimes,
  judgeUsage,
  judgeWorth,
  MIN_VALIDITY,
  type SponsorLimits,
  worstCost,
} from '../domain/sponsor/limits.ts'
import { type Mandate, mandateOf } from '../domain/sponsor/mandate.ts'
import type { Log } from '../ports/log.ts'
import type { SponsorBook, SponsorChain } from '../ports/sponsor.ts'

export type Sponsor = {
  /** @param address whose remaining share is wanted. */
  status(address: Address | null): SponsorStatus
  find(id: Hex): Sponsorship | undefined
  /**
   * Checks, counts, sends, and waits for the block for at most `waitMs`.
   * @param origin network that the request came from, for its limit.
   * @throws DecloudError `contract-refused` when the contracts would not take it from anybody; every other code says
   *   that this sponsor does not pay for it, and the tenant may send it alone.
   */
  submit(request: SponsorRequest, options: { origin: string; waitMs: number }): Promise<Sponsorship>
  /** Looks again at what is not final: after a restart, and where a block was taken back. */
  round(): Promise<void>
}

export type SponsorDeps = {
  config: SponsorConfig
  /** µUSDC that one gas coin is taken to be worth. */
  coinPrice: bigint
  deployment: Deployment
  chain: SponsorChain
  book: SponsorBook
  /** `null` in a keeper without a key, which pays for nothing. */
  journal: Pick<Journal, 'send' | 'find'> | null
  log: Log
  nowMs?: () => number
}

/** Requests looked at at once; more are turned away, since each costs a few reads of the chain. */
const AT_ONCE = 16
/** Of one network: while the chain answers slowly, nobody takes the room of all. */
const AT_ONCE_PER_ORIGIN = 6
/** What the journal may add to an estimate, and a little. */
const GAS_MARGIN = { numerator: 13n, denominator: 10n }

const limitsOf = (config: SponsorConfig): SponsorLimits => ({
  perAddressCount: config.perAddressCount,
  perAddressCost: config.perAddressUsdc,
  perOriginCount: config.perOriginCount,
  budget: config.budgetUsdc,
  maxReverts: config.maxReverts,
  minDeposit: config.minDepositUsdc,
  maxCostBps: config.maxCostBps,
  maxManifestBytes: config.maxManifestBytes,
})

export const makeSponsor = (deps: SponsorDeps): Sponsor => {
  const { config, coinPrice, chain, book, journal, log, nowMs = Date.now } = deps
  const limits = limitsOf(config)
  const flights = new Map<Hex, Promise<void>>()
  const today = () => dayOf(nowMs())
  /** Requests that are looked at, by origin. */
  const looking: string[] = []

  const find = (id: Hex): Sponsorship | undefined => {
    const row = book.find(id)
    if (row === undefined) return undefined
    const record = journal?.find(keyOf(id))
    const mined = record?.state === 'mined' || record?.state === 'final'
    const state = row.state === 'waiting' && mined ? 'done' : row.state
    return { ...row, state, transaction: record?.minedHash ?? record?.hashes.at(-1) ?? null }
  }

  /** What the chain says became of it, written down. */
  const settle = async (id: Hex): Promise<void> => {
    const record = journal?.find(keyOf(id))
    if (record === undefined) {
      // The process ended between the count and the journal: nothing was signed.
      book.close(id, { state: 'failed', reason: INTERRUPTED, cost: 0n, settled: true })
    } else if (record.state === 'abandoned' || record.state === 'lost') {
      book.close(id, { state: 'failed', reason: OVERTAKEN, cost: 0n, settled: true })
    } else if (record.state !== 'pending' && record.minedHash !== null) {
      const paid = await chain.paid(record.minedHash)
      const reason = book.find(id)?.reason ?? REVERTED
      book.close(id, {
        ...(record.state === 'final' || record.state === 'mined'
          ? { state: 'done' }
          : { state: 'refused', reason }),
        ...(paid === null ? {} : { cost: costOf(1n, paid, coinPrice) }),
        settled: (record.state === 'final' || record.state === 'reverted') && paid !== null,
      })
    }
  }

  const fly = async (mandate: Mandate, maxGas: bigint): Promise<void> => {
    const { digest, kind, to, data } = mandate
    try {
      await journal!.send({ kind: `sponsor ${kind}`, dedupe: keyOf(digest), to, data }, { maxGas })
    } catch (error) {
      if (error instanceof RevertError) {
        const reason = { code: 'contract-refused', sentence: error.sentence }
        if (error.code === 'tx-reverted') book.close(digest, { state: 'refused', reason, settled: false })
        // Simulated again just before it was signed: nothing was sent, nothing was paid.
        else book.close(digest, { state: 'failed', reason, cost: 0n, settled: true })
      } else if (journal!.find(keyOf(digest)) === undefined && error instanceof DecloudError) {
        const reason = { code: error.code, sentence: error.message }
        book.close(digest, { state: 'failed', reason, cost: 0n, settled: true })
      }
      log.warn({ id: digest, kind }, sentenceOf(error))
    }
    if (book.find(digest)?.state !== 'failed') await settle(digest)
  }

  const launch = (mandate: Mandate, maxGas: bigint): Promise<void> => {
    const flight = fly(mandate, maxGas)
      // What could not be written down now is looked up by the next round.
      .catch((error: unknown) => log.warn({ id: mandate.digest }, sentenceOf(error)))
      .finally(() => flights.delete(mandate.digest))
    flights.set(mandate.digest, flight)
    return flight
  }

  const checkSignature = async (mandate: Mandate, signature: Hex) => {
    const { now, hasCode } = await chain.look(mandate.signer)
    const early = judgeTimes(mandate, now)
    if (early !== null) throw early
    const good = hasCode
      ? await chain.accepts(mandate.signer, mandate.digest, signature)
      : await recovers(mandate.signer, mandate.digest, signature)
    if (good) return
    throw new DecloudError('signature-invalid', `This is not a signature of ${mandate.signer}.`, {
      hint: 'Sign the same figures, on this chain, with the account that they name.',
    })
  }

  /** @returns the most gas it may take and the most it can cost. */
  const price = async (mandate: Mandate): Promise<{ maxGas: bigint; cost: bigint }> => {
    const gas = await chain.simulate(mandate, GAS_CAP[mandate.kind])
    const { fee, held } = await chain.purse()
    const moves = mandate.moves ?? (await chain.lease(mandate.subject as Hex))?.refundable ?? 0n
    const refusal = judgeWorth(mandate.kind, moves, costOf(gas, fee, coinPrice), limits)
    if (refusal !== null) throw refusal
    const maxGas = (gas * GAS_MARGIN.numerator) / GAS_MARGIN.denominator
    if (held < config.keepCoins + maxGas * fee) throw EMPTY()
    return { maxGas, cost: worstCost(maxGas, fee, coinPrice) }
  }

  const read = async (request: SponsorRequest): Promise<Mandate> => {
    if (request.kind === 'open' && size(request.manifest) > limits.maxManifestBytes) {
      throw new DecloudError(
        'sponsor-manifest-large',
        `The sealed manifest has ${size(request.manifest)} bytes; gas is paid for ${limits.maxManifestBytes}.`,
        { hint: 'Shorten it, or send it with gas of your own.' },
      )
    }
    const named = request.kind === 'close' || request.kind === 'auto-renew'
    const tenant = named ? ((await chain.lease(request.leaseId))?.tenant ?? null) : null
    const mandate = mandateOf({ deployment: deps.deployment, usdc: await chain.usdc(), tenant }, request)
    if (mandate !== null) return mandate
    throw new DecloudError('lease-unknown', 'The request names a lease that there is not.')
  }

  const take = async (request: SponsorRequest, origin: string): Promise<Hex> => {
    const mandate = await read(request)
    const { digest, kind, signer, subject } = mandate
    const known = book.find(digest)
    if (known !== undefined && known.state !== 'failed') return digest
    await checkSignature(mandate, request.signature)
    const place = { id: digest, kind, signer, subject, origin }
    // Before the simulation, which is dear, and again with the cost in the transaction that takes the place.
    const full = judgeUsage(book.usage(today(), place), 0n, limits)
    if (full !== null) throw full
    const { maxGas, cost } = await price(mandate)
    if (book.reserve({ ...place, cost }, today(), nowMs(), limits) === null) {
      log.info({ id: digest, kind, signer, cost: formatUsdc(cost) }, 'a call is sponsored')
      void launch(mandate, maxGas)
    }
    return digest
  }

  return {
    find,
    status: (address) => {
      const usage =
        address && book.usage(today(), { signer: address, subject: '', origin: 'of nobody' }).address
      return {
        enabled: config.enabled && journal !== null,
        limits: {
          perAddressCount: limits.perAddressCount,
          perAddressCost: limits.perAddressCost,
          minDeposit: limits.minDeposit,
          maxCostBps: limits.maxCostBps,
          maxManifestBytes: limits.maxManifestBytes,
          minValiditySeconds: Number(MIN_VALIDITY),
        },
        remaining: usage && {
          count: Math.max(limits.perAddressCount - usage.count, 0),
          cost: usage.cost < limits.perAddressCost ? limits.perAddressCost - usage.cost : 0n,
        },
      }
    },
    submit: async (request, { origin, waitMs }) => {
      if (!config.enabled || journal === null) throw OFF()
      const own = looking.filter((one) => one === origin).length
      if (own >= AT_ONCE_PER_ORIGIN) throw IMPATIENT()
      if (looking.length >= AT_ONCE) throw CROWDED()
      looking.push(origin)
      const id = await take(request, origin).finally(() => looking.splice(looking.indexOf(origin), 1))
      const flight = flights.get(id)
      if (flight !== undefined) await atMost(flight, waitMs)
      // One that an earlier process sent has no flight here: the journal watches it.
      else await lookUntil(() => find(id)?.state !== 'waiting', waitMs)
      return find(id)!
    },
    round: async () => {
      for (const id of book.open()) if (!flights.has(id)) await settle(id)
    },
  }
}

const LOOK_EVERY_MS = 100

const keyOf = (id: Hex) => `sponsor:${id}`

const INTERRUPTED = { code: 'sponsor-interrupted', sentence: 'The sponsor was stopped before it was sent.' }
const OVERTAKEN = { code: 'sponsor-overtaken', sentence: 'It was not sent. Hand it in again, or send it.' }
const REVERTED = { code: 'contract-refused', sentence: 'The contract refused it in its block.' }

const OFF = () =>
  new DecloudError('sponsor-off', 'This keeper pays for nobody’s gas.', { hint: 'Send it with your own.' })
const CROWDED = () =>
  new DecloudError('sponsor-crowded', 'The sponsor is looking at as many requests as it can.', {
    hint: 'Try again in a moment, or send it with gas of your own.',
  })
const IMPATIENT = () =>
  new DecloudError(
    'sponsor-origin-busy',
    `The sponsor is looking at ${AT_ONCE_PER_ORIGIN} requests of your network already.`,
    { hint: 'Try again in a moment, or send it with gas of your own.' },
  )
const EMPTY = () =>
  new DecloudError('sponsor-empty', 'The sponsor has no gas left to give.', {
    hint: 'Send it with gas of your own.',
  })

const lookUntil = async (done: () => boolean, waitMs: number): Promise<void> => {
  for (let left = waitMs; left > 0 && !done(); left -= LOOK_EVERY_MS) await delay(LOOK_EVERY_MS)
}

const atMost = (work: Promise<void>, ms: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    work.finally(() => {
      clearTimeout(timer)
      resolve()
    })
  })
