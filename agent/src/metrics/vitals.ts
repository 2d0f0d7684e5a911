// What has to be asked of the chain before it can be shown: the gas balance, and what is registered.
import { formatEther } from 'viem'
import type { Amounts } from '../domain/capacity.ts'
import type { LeaseChain } from '../reconcile/ports.ts'
import type { Resources } from '../reconcile/resources.ts'

const LOOK_MS = 60_000

export type Vitals = {
  /** null while it cannot be read. */
  gasCoins(): number | null
  offered(): Amounts | null
  close(): Promise<void>
}

/** An unread figure is shown as unknown; the feed's own figures tell that the chain does not answer. */
export const sampleVitals = (
  chain: Pick<LeaseChain, 'funds'>,
  { offer }: Pick<Resources, 'offer'>,
  { everyMs = LOOK_MS } = {},
): Vitals => {
  let gasCoins: number | null = null
  let offered: Amounts | null = null
  let looking: Promise<void> | null = null
  const ask = async () => {
    const [funds, now] = await Promise.allSettled([chain.funds(), offer()])
    gasCoins = funds.status === 'fulfilled' ? Number(formatEther(funds.value.balance)) : null
    offered = now.status === 'fulfilled' ? now.value.offered : null
  }
  const look = () => {
    looking ??= ask().finally(() => {
      looking = null
    })
  }
  look()
  const timer = setInterval(look, everyMs)
  return {
    gasCoins: () => gasCoins,
    offered: () => offered,
    close: async () => {
      clearInterval(timer)
      await looking
    },
  }
}
