import { accountSchema, addressText } from '@decloud/protocol/wire/api'
import { z } from 'zod'
import type { ApiDeps, App } from '../deps.ts'

export const accountRoute = (app: App, { ledger }: ApiDeps) => {
  app.get(
    '/api/accounts/:account',
    {
      schema: {
        summary: 'The internal balance of an account; 0 for one the escrow has never seen',
        params: z.object({ account: addressText }),
        response: { 200: accountSchema },
      },
    },
    async ({ params: { account } }) => ({ account, balance: ledger.balanceOf(account) }),
  )
}
