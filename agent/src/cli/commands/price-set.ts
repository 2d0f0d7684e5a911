import { readNodeState } from '../../chain/node-state.ts'
import { DEFAULT_PRICES, isDefault, wholePrices } from '../../domain/prices.ts'
import { registryCalls } from '../operator/call.ts'
import { atDesk, outcomeJson, outcomeText, SIGNING } from '../operator/desk.ts'
import { demandFloors } from '../operator/floor.ts'
import { pricesText } from '../operator/words.ts'
import { EXIT, makeVerb, UsageError } from '../verb.ts'

const PRICE_FLAGS = ['price-point', 'price-memory', 'price-disk', 'price-gpu']

export const priceSet = makeVerb({
  brief: true,
  about: `Takes --price-point, --price-memory, --price-disk and --price-gpu (USDC an hour), or what the configuration says under
"price". What is not named stays as it is. Held against the platform's floors before anything is sent. Leases that run
keep the price they were opened at.`,
  examples: [
    'decloud-node price set --price-point 0.012',
    'decloud-node price set --default',
    'decloud-node price set --price-gpu 0.2 --unsigned --operator-address 0x…',
  ],
  options: {
    ...SIGNING,
    default: { type: 'boolean', about: "ask the platform's defaults, whatever they become" },
  },
  run: (io, options) =>
    atDesk(io, options.unsigned, async ({ chain, carryOut }, { node, price }) => {
      const given = PRICE_FLAGS.filter((flag) => io.given.flags?.[flag] !== undefined)
      if (options.default && given.length > 0) {
        throw new UsageError(
          `--default and --${given[0]} contradict one another.`,
          'Give the prices, or --default for those of the platform.',
        )
      }
      if (!options.default && price === undefined) {
        throw new UsageError(
          'No price is given.',
          'Give --price-point, --price-memory, --price-disk, --price-gpu or --default.',
        )
      }
      const { offer, floors, defaults } = await readNodeState(chain, node)
      const prices = options.default ? DEFAULT_PRICES : wholePrices(price ?? {}, offer.prices, defaults)
      demandFloors(prices, floors)
      const said = isDefault(prices) ? "the platform's defaults" : pricesText(prices)
      const { point, memoryGiB, diskGiB, gpu } = offer.prices
      const same =
        prices.point === point &&
        prices.memoryGiB === memoryGiB &&
        prices.diskGiB === diskGiB &&
        prices.gpu === gpu
      if (same) {
        io.result({ node, changed: false, prices }, `node ${node} asks that already: ${said}`)
        return EXIT.done
      }
      const outcome = await carryOut([registryCalls(chain.deployment).setPrices(node, prices)])
      io.result(
        { node, changed: outcome.signed, prices, ...outcomeJson(outcome) },
        [`node ${node}: ${said}; for new leases alone`, ...outcomeText(outcome)].join('\n'),
      )
      return EXIT.done
    }),
})
