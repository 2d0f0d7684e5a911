// Events are hints, contract storage is truth: every few minutes all tables are held against storage at one block.
import type { BlockRef, Follower } from '@decloud/chain'
import { type Deployment, sentenceOf } from '@decloud/protocol'
import { leaseQuestions } from '../domain/audit/lease.ts'
import {
  accountQuestions,
  attestationQuestions,
  countQuestions,
  deskQuestions,
  policyQuestions,
  quorumQuestions,
  sealingKeyQuestions,
  templateQuestions,
} from '../domain/audit/market.ts'
import { bookQuestions, nodeQuestions, stakeQuestions } from '../domain/audit/node.ts'
import { type Difference, differencesIn } from '../domain/difference.ts'
import type { Question } from '../domain/question.ts'
import { windowAt } from '../domain/reputation.ts'
import type { Log } from '../ports/log.ts'
import type { ContractStorage, Picture } from '../ports/storage.ts'

/** Leases of one page, and questions of one part of the rest: what is in memory at a time. */
const LEASES_PER_PAGE = 200
const QUESTIONS_PER_PART = 2_000
/** Of one audit: the first ones say what is wrong, and repairing does not need the others. */
const MOST_DIFFERENCES = 1_000

export type AuditorDeps = {
  deployment: Deployment
  follower: Pick<Follower, 'health' | 'resync' | 'synced'>
  /** The tables as they are now, at `cursor`. */
  openPicture(cursor: BlockRef): Picture
  storage: ContractStorage
  /** Folds the tables anew from the stored logs. */
  refold(): void
  log: Log
}

export type Audit = {
  /** `moved`: the chain moved while it was read, or nothing is indexed yet; nothing was compared. */
  outcome: 'equal' | 'refolded' | 'resynced' | 'different' | 'moved'
  height: bigint | null
  /** At most a thousand. */
  differences: Difference[]
}

function* inParts(questions: Iterable<Question>): Generator<readonly Question[]> {
  let part: Question[] = []
  for (const question of questions) {
    part.push(question)
    if (part.length < QUESTIONS_PER_PART) continue
    yield part
    part = []
  }
  yield part
}

/** Rows that make no sense are a difference like any other: folding anew repairs them too. */
const unreadable = (error: unknown): Difference => ({
  ...{ entity: 'tables', id: 'all', field: '*', chain: 'present' },
  ledger: `unreadable: ${sentenceOf(error)}`,
})

function* questionsOf(
  deployment: Deployment,
  picture: Picture,
  scope: 'open' | 'all',
  at: number,
): Generator<Question> {
  const nodes = picture.nodes()
  const templates = picture.templates()
  yield* countQuestions(deployment, { nodes: nodes.length, templates: templates.length })
  const policy = picture.policy()
  if (policy !== undefined) yield* policyQuestions(deployment, policy)
  yield* deskQuestions(deployment, picture.desk())
  yield* quorumQuestions(deployment, picture.quorum())
  for (const node of nodes) yield* nodeQuestions(deployment, node)
  for (const book of picture.books()) yield* bookQuestions(deployment, book)
  for (const row of picture.accounts()) yield* accountQuestions(deployment, row)
  for (const row of templates) yield* templateQuestions(deployment, row, picture.versions(row.template))
  for (const key of picture.sealingKeys()) yield* sealingKeyQuestions(deployment, key)
  yield* stakeQuestions(deployment, picture.stakes())
  const { from, today: until } = windowAt(at)
  const said = { attesters: picture.attesters(), days: picture.attestedDays(from, until) }
  yield* attestationQuestions(deployment, said, { from, until, nodes: nodes.length })
  for (const page of picture.leases(scope, LEASES_PER_PAGE)) {
    for (const lease of page) yield* leaseQuestions(deployment, lease)
  }
}

export const makeAuditor = (deps: AuditorDeps) => {
  const { deployment, follower, openPicture, storage, refold, log } = deps

  /** @param scope `open` leaves out leases that can never change again. */
  const compare = async (scope: 'open' | 'all') => {
    const cursor = follower.health().cursor
    if (cursor === null) return null
    // One synchronous breath from the cursor to the picture: what it shows is of that block.
    const picture = openPicture(cursor)
    try {
      const found: Difference[] = []
      const parts = inParts(questionsOf(deployment, picture, scope, Number(cursor.timestamp)))
      const next = (): readonly Question[] | null => {
        try {
          const { done, value } = parts.next()
          return done === true ? null : value
        } catch (error) {
          found.push(unreadable(error))
          return null
        }
      }
      for (let part = next(); part !== null && found.length < MOST_DIFFERENCES; part = next()) {
        const answers = await storage.readAt(cursor, part)
        if (answers === null) return null
        for (const [i, question] of part.entries()) found.push(...differencesIn(question, answers[i]!))
      }
      return { height: cursor.height, found: found.slice(0, MOST_DIFFERENCES) }
    } finally {
      picture.close()
    }
  }

  /** Compares; on a difference refolds, and when that does not help, reads the chain anew. */
  const audit = async (scope: 'open' | 'all' = 'open'): Promise<Audit> => {
    const first = await compare(scope)
    if (first === null) return { outcome: 'moved', height: null, differences: [] }
    if (first.found.length === 0) return { outcome: 'equal', height: first.height, differences: [] }
    for (const difference of first.found) log.warn(difference, 'the ledger differs from contract storage')
    const repaired = { height: first.height, differences: first.found }
    refold()
    if (await isEqual()) return { outcome: 'refolded', ...repaired }
    follower.resync()
    await follower.synced()
    if (await isEqual()) return { outcome: 'resynced', ...repaired }
    log.error({ differences: first.found.length }, 'the ledger still differs after a resync')
    return { outcome: 'different', ...repaired }
  }

  // A chain that moves just then gives no answer: a few tries, each at the block of its moment.
  const isEqual = async (): Promise<boolean> => {
    for (let attempt = 0; attempt < 5; attempt++) {
      const again = await compare('all')
      if (again !== null) return again.found.length === 0
    }
    return false
  }

  return { audit }
}
