import type { Deployment, PolicyParameters } from '@decloud/protocol'

export type MarketDeps = {
  deployment: Deployment
  /** Least stake that makes a node premium, `null` where none is deployed: a constant of the contract. */
  minimumStake: bigint | null
  policy(): PolicyParameters | undefined
  /** Of the newest indexed block, unix seconds. */
  time(): number
  /** Another text whenever any answer about nodes may be another one. */
  changeKey(): string
}
