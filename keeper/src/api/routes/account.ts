import { accountParams, accountSchema } from '@decloud/protocol/wire/api'
import type { ApiDeps, App } from '../deps.ts'
import { addRead } from '../reads.ts'

export const accountRoute = (app: App, deps: ApiDeps) => {
  addRead(app, deps, {
    url: '/api/accounts/:account',
    summary: 'The internal balance of an account; 0 for one the escrow has never seen',
    tags: ['money'],
    params: accountParams,
    answer: accountSchema,
    changes: 'events',
    read: ({ params: { account } }) => ({ account, balance: deps.ledger.balanceOf(account) }),
  })
}
