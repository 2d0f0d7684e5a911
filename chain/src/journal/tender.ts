// Keeps the journal true to the chain between sends: what was mined becomes final or is taken up again, and no nonce is
// left that nothing will ever use.
import type { Address } from 'viem'
import type { Chain } from '../connect.ts'
import { pause } from '../wait.ts'
import type { IntentTable } from './intents.ts'
import { behind } from './sender.ts'
import { isGone } from './sights.ts'
import type { Intent, IntentRecord } from './types.ts'

export type TenderDeps = {
  chain: Chain
  address: Address
  table: IntentTable
  confirm(record: IntentRecord): Promise<IntentRecord['state']>
  /** Follows a pending intent, unless that is under way. */
  follow(id: number): void
  /** Opens an intent like `Journal.send`, without waiting for it. */
  launch(intent: Required<Intent>): Promise<unknown>
  everyMs: number
  signal: AbortSignal
  onError(error: unknown): void
}

// A nonce that seems free may only be one that a lagging RPC has not counted yet.
const SIGHTS_UNTIL_FILLED = 3

export const makeTender = (deps: TenderDeps) => {
  const { chain, address, table, signal } = deps
  let gap: { nonce: number; sights: number } | null = null

  const chainNonce = () =>
    chain.request('read the nonce', (client) => client.getTransactionCount({ address, blockTag: 'latest' }))

  /**
   * The account's next nonce, once everything that the journal knows of that nonce and above is accounted for.
   * @throws ChainError `rpc-behind` when the RPC lags behind what was final.
   */
  const nextNonce = async (): Promise<number> => {
    const nonce = await chainNonce()
    const live = new Set(table.inFlight().map((record) => record.nonce))
    for (const record of table.overFrom(nonce)) {
      if (live.has(record.nonce)) continue
      if (!(await isGone(chain, address, record))) throw behind(record.nonce)
      // The chain went back under what was final: what was done there is to be done again.
      table.settle(record.id, 'pending')
      live.add(record.nonce)
      deps.follow(record.id)
    }
    return nonce
  }

  /** Nothing behind a nonce that nobody holds can be mined: after some looks a transfer of nothing takes it. */
  const fillGap = async () => {
    const waiting = table.inFlight().filter((record) => record.state === 'pending')
    if (waiting.length === 0) {
      gap = null
      return
    }
    const nonce = await nextNonce()
    const isGap = table.freeNonce(nonce) === nonce && waiting.some((record) => record.nonce > nonce)
    gap = isGap ? { nonce, sights: gap?.nonce === nonce ? gap.sights + 1 : 1 } : null
    if (gap === null || gap.sights < SIGHTS_UNTIL_FILLED) return
    gap = null
    await deps.launch({ kind: 'fill', dedupe: `fill ${nonce}`, to: address, data: '0x', value: 0n, gas: 0n })
  }

  const tend = async (record: IntentRecord) => {
    if (record.state === 'pending' || (await deps.confirm(record)) === 'pending') deps.follow(record.id)
  }

  const loop = async () => {
    while (!signal.aborted) {
      for (const record of table.inFlight()) {
        if (signal.aborted) return
        await tend(record).catch(deps.onError)
      }
      if (!signal.aborted) await fillGap().catch(deps.onError)
      await pause(deps.everyMs, signal)
    }
  }

  return { loop, nextNonce }
}
