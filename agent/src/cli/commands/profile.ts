// What the marketplace shows of a node, and on which terms it leases.
import type { Hex } from 'viem'
import { stringToHex } from 'viem'
import { readNodeState, wordText } from '../../chain/node-state.ts'
import { type Profile, readProfile } from '../../chain/profile.ts'
import { loadConfig } from '../../config/config.ts'
import { type Call, registryCalls } from '../operator/call.ts'
import { atDesk, connectTo, outcomeJson, outcomeText, SIGNING } from '../operator/desk.ts'
import { withPast } from '../operator/past.ts'
import { span } from '../operator/words.ts'
import { EXIT, makeVerb, UsageError } from '../verb.ts'

type Terms = { readonly minCharge: number; readonly notice: number }

const inWords = ({ description, tags, endpoint }: Profile, { minCharge, notice }: Terms) => [
  `description  ${description === '' ? '–' : description}`,
  `tags         ${tags.length === 0 ? '–' : tags.join(', ')}`,
  `endpoint     ${endpoint === '' ? '–' : endpoint}`,
  `terms        at least ${minCharge} s are billed, ${notice === 0 ? 'no notice' : `${span(notice)} of notice`} before a reclaim`,
]

export const profileGet = makeVerb({
  brief: true,
  about: 'No key is needed.',
  options: {},
  run: async (io) => {
    const config = loadConfig(io.env, io.given)
    const chain = await connectTo(config)
    const { offer, block } = await readNodeState(chain, config.node)
    const profile = await withPast(io, chain, config.dataDir, (past) =>
      readProfile(chain, config.node, block.number, past),
    )
    const { minCharge, notice } = offer
    const region = wordText(offer.region)
    io.result(
      { node: config.node, ...profile, region, minCharge, notice },
      [`node ${config.node}, region ${region === '' ? '–' : region}`, ...inWords(profile, offer)].join('\n'),
    )
    return EXIT.done
  },
})

export const profileSet = makeVerb({
  brief: true,
  about: `Also takes --endpoint, --min-charge and --notice, or what the configuration says under those keys; only what differs
from the chain is sent. Terms are those of new leases. The region was fixed when the node was registered.`,
  examples: [
    'decloud-node profile set --description "Ryzen in a cellar in Lyon" --tags nvme,green',
    'decloud-node profile set --endpoint https://node7.example.org --notice 172800',
  ],
  options: {
    ...SIGNING,
    description: { type: 'string', argument: 'TEXT', about: 'at most 1000 bytes' },
    tags: {
      type: 'string',
      argument: 'A,B',
      about: 'at most ten of at most 32 bytes, separated by commas; "" for none',
    },
  },
  run: (io, options) =>
    atDesk(io, options.unsigned, async ({ chain, carryOut }, config) => {
      const { node, dataDir, endpoint, minCharge, notice } = config
      const { offer, block } = await readNodeState(chain, node)
      const present = await withPast(io, chain, dataDir, (past) =>
        readProfile(chain, node, block.number, past),
      )
      const wanted: Profile = {
        description: options.description ?? present.description,
        tags: options.tags === undefined ? present.tags : tagsFrom(options.tags),
        endpoint: endpoint ?? present.endpoint,
      }
      demandSize('--description', wanted.description, MAX_DESCRIPTION_BYTES)
      const terms = { minCharge: minCharge ?? offer.minCharge, notice: notice ?? offer.notice }
      const calls = changesOf(registryCalls(chain.deployment), node, [present, offer], [wanted, terms])
      if (calls.length === 0) {
        io.result({ node, changed: false, ...wanted, ...terms }, `node ${node} says that already`)
        return EXIT.done
      }
      const outcome = await carryOut(calls)
      io.result(
        { node, changed: outcome.signed, ...wanted, ...terms, ...outcomeJson(outcome) },
        [`node ${node}`, ...inWords(wanted, terms), ...outcomeText(outcome)].join('\n'),
      )
      return EXIT.done
    }),
})

type Said = readonly [Profile, Terms]

const changesOf = (
  calls: ReturnType<typeof registryCalls>,
  node: number,
  [present, terms]: Said,
  [wanted, newTerms]: Said,
): Call[] => [
  ...(wanted.description === present.description && wanted.tags.join() === present.tags.join()
    ? []
    : [calls.setProfile(node, wanted.description, wanted.tags.map(tagWord))]),
  ...(wanted.endpoint === present.endpoint ? [] : [calls.setEndpoint(node, wanted.endpoint)]),
  ...(newTerms.minCharge === terms.minCharge && newTerms.notice === terms.notice
    ? []
    : [calls.setTerms(node, newTerms.minCharge, newTerms.notice)]),
]

/** Mirrors NodeRegistry.MAX_DESCRIPTION_BYTES and MAX_TAGS; a tag is one word. */
const MAX_DESCRIPTION_BYTES = 1_000
const MAX_TAGS = 10
const MAX_TAG_BYTES = 32

const tagWord = (tag: string): Hex => stringToHex(tag, { size: 32 })

const tagsFrom = (text: string): string[] => {
  const tags = text
    .split(',')
    .map((tag) => tag.trim().toLowerCase())
    .filter((tag) => tag !== '')
  if (tags.length > MAX_TAGS) throw new UsageError(`--tags takes at most ${MAX_TAGS}, not ${tags.length}.`)
  for (const tag of tags) demandSize(`The tag "${tag}" of --tags`, tag, MAX_TAG_BYTES)
  return [...new Set(tags)]
}

const demandSize = (what: string, text: string, most: number) => {
  const bytes = Buffer.byteLength(text)
  if (bytes > most) throw new UsageError(`${what} has ${bytes} bytes; ${most} are the most.`)
}
