import { wordText } from '@decloud/protocol/wire/api'
import type { Hex } from 'viem'
import { z } from 'zod'

/** Lower case from here on, as leases are kept. */
export const leaseParams = z.object({ leaseId: wordText.transform((text) => text.toLowerCase() as Hex) })
