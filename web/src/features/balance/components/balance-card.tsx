import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { Address } from 'viem'
import { usdc } from '../../../data/format.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { FlowPanel } from '../../../flows/flow-panel.tsx'
import { useOnce } from '../../../flows/sponsored.ts'
import { useFlow } from '../../../flows/use-flow.ts'
import { Button } from '../../../ui/button.tsx'
import { fundsKey, fundsQuery, useWallet } from '../../wallet/index.ts'
import { withdrawFlow } from '../flows.ts'

/** What the escrow holds for the account outside any lease; nothing to see at zero. */
export const BalanceCard = ({ account }: { account: Address }) => {
  const runtime = useRuntime()
  const queries = useQueryClient()
  const wallet = useWallet()
  const once = useOnce(account)
  const funds = useQuery(fundsQuery(runtime, account)).data
  const flow = useFlow(withdrawFlow, account, wallet.signer, () => {
    void queries.invalidateQueries({ queryKey: fundsKey(runtime) })
  })
  if (flow.record !== undefined) return <FlowPanel flow={flow} title="Withdrawing" discard="Leave it" />
  if (funds === undefined || funds.internal === 0n) return null
  const amount = funds.internal
  return (
    <section className="card spread" aria-labelledby="balance-title">
      <div>
        <h2 id="balance-title">DeCloud balance</h2>
        <p className="small muted">Pays for new leases and top-ups, or goes back to your wallet.</p>
      </div>
      <div className="row">
        <strong className="num">{usdc(amount)} USDC</strong>
        <Button
          kind="secondary"
          size="small"
          disabled={wallet.wrongNetwork}
          onClick={() => flow.start({ account, amount, left: 0n, ...once() })}
        >
          Withdraw
        </Button>
      </div>
    </section>
  )
}
