// What contract storage must answer if the tables are right: one view call each, with the fields that are held against
// it. Pure: whoever asks is elsewhere.
import type { ContractKey, Deployment } from '@decloud/protocol'

/** What a difference is about; `tables` where they cannot even be read. */
export type Entity =
  | 'lease'
  | 'node'
  | 'earned'
  | 'account'
  | 'policy'
  | 'desk'
  | 'quorum'
  | 'template'
  | 'version'
  | 'rating'
  | 'review'
  | 'access'
  | 'sealingKey'
  | 'attesters'
  | 'attestation'
  | 'stake'
  | 'tables'

/** Contracts that are asked, by their name in a deployment. */
export type Asked = Exclude<ContractKey, 'payouts'>

export type Fields = Readonly<Record<string, unknown>>

export type Question = {
  entity: Entity
  id: string
  contract: Asked
  functionName: string
  args: readonly unknown[]
  /** By the names of the view's outputs or of its struct; `value` for one that has none. */
  expected: Fields
  /** Brings what the view answers into the shape of `expected`. */
  read?: (answer: Fields) => Fields
}

type Rest = Pick<Question, 'functionName' | 'expected'> & Partial<Pick<Question, 'args' | 'read'>>

/** Questions to one contract about one thing; none when the deployment does not have the contract. */
export const asker =
  (deployment: Deployment, contract: Asked) =>
  (entity: Entity, id: string | number, questions: readonly Rest[]): Question[] =>
    deployment[contract] === undefined
      ? []
      : questions.map(({ args = [], ...rest }) => ({ entity, id: String(id), contract, args, ...rest }))
