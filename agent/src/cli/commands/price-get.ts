import { formatUsdc } from '@decloud/protocol'
import { readNodeState } from '../../chain/node-state.ts'
import { loadConfig } from '../../config/config.ts'
import { isDefault } from '../../domain/prices.ts'
import { connectTo } from '../operator/desk.ts'
import { columns } from '../operator/words.ts'
import { EXIT, makeVerb } from '../verb.ts'

const ROWS = [
  ['point', 'compute point'],
  ['memoryGiB', 'GiB of memory'],
  ['diskGiB', 'GiB of disk'],
  ['gpu', 'GPU'],
] as const

export const priceGet = makeVerb({
  brief: true,
  about: 'USDC an hour. A node without prices of its own asks what the platform asks. No key is needed.',
  examples: ['decloud-node price get --json'],
  options: {},
  run: async (io) => {
    const config = loadConfig(io.env, io.given)
    const { offer, floors, defaults, hasCustomPricing } = await readNodeState(
      await connectTo(config),
      config.node,
    )
    const prices = isDefault(offer.prices) ? defaults : offer.prices
    const rows = ROWS.map(([key, name]) => [
      name,
      formatUsdc(prices[key]),
      formatUsdc(floors[key]),
      formatUsdc(defaults[key]),
    ])
    io.result(
      { node: config.node, own: hasCustomPricing, prices, floors, defaults },
      [
        `node ${config.node} asks ${hasCustomPricing ? 'prices of its own' : "the platform's defaults"}`,
        ...columns([['', 'asks', 'floor', 'default'], ...rows]),
      ].join('\n'),
    )
    return EXIT.done
  },
})
