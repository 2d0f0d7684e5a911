// What the contracts must say of all that is neither a lease nor a node.
import type { Deployment, PolicyParameters } from '@decloud/protocol'
import type { Address } from 'viem'
import type { AttestedWords } from '../../ports/storage.ts'
import type { SealingKeyView } from '../access.ts'
import type { DeskView, QuorumView } from '../desk.ts'
import { asker, type Entity, type Question } from '../question.ts'
import { NODES_PER_WORD } from '../reputation.ts'
import type { Rating } from '../review.ts'
import type { TemplateView, VersionView } from '../template.ts'

/** How many there are: what the chain has and the tables do not is found by this. */
export const countQuestions = (
  deployment: Deployment,
  counts: { nodes: number; templates: number },
): Question[] => {
  const count = (
    contract: 'nodeRegistry' | 'templateRegistry',
    entity: Entity,
    functionName: string,
    value: number,
  ) =>
    asker(deployment, contract)(entity, 'all', [
      { functionName, expected: { count: value }, read: (answer) => ({ count: answer['value'] }) },
    ])
  return [
    ...count('nodeRegistry', 'node', 'nodeCount', counts.nodes),
    ...count('templateRegistry', 'template', 'templateCount', counts.templates),
  ]
}

export const accountQuestions = (
  deployment: Deployment,
  { account, balance }: { account: Address; balance: bigint },
): Question[] =>
  asker(deployment, 'leaseEscrow')('account', account, [
    {
      functionName: 'balanceOf',
      args: [account],
      expected: { balance },
      read: ({ value }) => ({ balance: value }),
    },
  ])

export const policyQuestions = (deployment: Deployment, policy: PolicyParameters): Question[] =>
  asker(deployment, 'pricePolicy')('policy', 'policy', [
    {
      functionName: 'parameters',
      expected: {
        floors: policy.floors,
        defaults: policy.defaults,
        unitsPerVcpu: policy.unitsPerVcpu.map(Number),
        bandwidthMultiplierBps: policy.bandwidthMultiplierBps.map(Number),
        bandwidthRates: policy.bandwidthRates.map(Number),
        platformBps: policy.platformBps,
      },
      read: ({ floorPrices, defaultPrices, ...rest }) => ({
        ...rest,
        floors: floorPrices,
        defaults: defaultPrices,
      }),
    },
  ])

export const deskQuestions = (deployment: Deployment, desk: DeskView): Question[] =>
  asker(deployment, 'leaseDesk')(
    'desk',
    'desk',
    Object.entries(desk).map(([field, value]) => ({
      ...{ functionName: field, expected: { [field]: value as unknown } },
      read: (answer: { value?: unknown }) => ({ [field]: answer.value }),
    })),
  )

export const quorumQuestions = (deployment: Deployment, { attesters, quorum }: QuorumView): Question[] =>
  asker(deployment, 'downtimeQuorum')('quorum', 'quorum', [
    { functionName: 'attesters', expected: { attesters }, read: ({ value }) => ({ attesters: value }) },
    { functionName: 'quorum', expected: { quorum }, read: ({ value }) => ({ quorum: value }) },
  ])

export const templateQuestions = (
  deployment: Deployment,
  view: TemplateView & { rating: Rating },
  versions: readonly Omit<VersionView, 'content'>[],
): Question[] => {
  const { template, slug, author, pendingAuthor, archived, rating } = view
  const ask = asker(deployment, 'templateRegistry')
  return [
    ...ask('template', template, [
      {
        ...{ functionName: 'templateAt', args: [template] },
        expected: { slug, author, pendingAuthor, versions: view.versions, archived },
      },
    ]),
    ...versions.flatMap(({ version, publishedIn, contentHash, fee, refundWindow, minimum, archived }) =>
      ask('version', `${template} ${version}`, [
        {
          ...{ functionName: 'versionAt', args: [template, version] },
          expected: { contentHash, fee, refundWindow, minimum, publishedIn, archived },
        },
      ]),
    ),
    ...asker(deployment, 'reviews')('rating', `template ${template}`, [
      { functionName: 'templateRatingOf', args: [template], expected: rating },
    ]),
  ]
}

export const sealingKeyQuestions = (deployment: Deployment, key: SealingKeyView): Question[] => {
  const { account, sealingKey, epoch } = key
  return asker(deployment, 'leaseAccess')('sealingKey', account, [
    { functionName: 'sealingKeyOf', args: [account], expected: { sealingKey, epoch } },
  ])
}

/** Every word of the window, said or not. @param nodes how many there are. */
export const attestationQuestions = (
  deployment: Deployment,
  said: { attesters: readonly Address[]; days: readonly AttestedWords[] },
  { from, until, nodes }: { from: number; until: number; nodes: number },
): Question[] => {
  const ask = asker(deployment, 'reputation')
  const wordsOf = new Map(said.days.map(({ attester, day, words }) => [`${attester} ${day}`, words]))
  const list = ask('attesters', 'attesters', [
    {
      ...{ functionName: 'attesters', expected: { attesters: said.attesters } },
      read: ({ value }) => ({ attesters: value }),
    },
  ])
  const groups = Math.floor(nodes / NODES_PER_WORD) + 1
  const words: Question[] = []
  for (const attester of said.attesters) {
    for (let day = from; day < until; day++) {
      const known = wordsOf.get(`${attester} ${day}`)
      for (let group = 0; group < groups; group++) {
        const args = [attester, day, group]
        const expected = { word: known?.[group] ?? 0n }
        words.push(
          ...ask('attestation', args.join(' '), [
            { functionName: 'wordOf', args, expected, read: ({ value }) => ({ word: value }) },
          ]),
        )
      }
    }
  }
  return [...list, ...words]
}
