import { billIfClosedAt } from '@decloud/protocol/billing'
import type { LeaseView } from '@decloud/protocol/lease-fold'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { zeroAddress } from 'viem'
import { usdc } from '../../../data/format.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { FlowPanel } from '../../../flows/flow-panel.tsx'
import { useOnce } from '../../../flows/sponsored.ts'
import { useFlow } from '../../../flows/use-flow.ts'
import { Button } from '../../../ui/button.tsx'
import { Choices } from '../../../ui/field.tsx'
import { fundsKey, useWallet } from '../../wallet/index.ts'
import { closeFlow } from '../flows.ts'
import { leaseKey } from '../queries/lease.ts'

export const CloseLease = ({ view, now }: { view: LeaseView; now: number }) => {
  const runtime = useRuntime()
  const queries = useQueryClient()
  const wallet = useWallet()
  const once = useOnce(wallet.address)
  const [asking, setAsking] = useState(false)
  const [to, setTo] = useState<'wallet' | 'balance'>('wallet')
  const flow = useFlow(closeFlow, view.leaseId, wallet.signer, () => {
    setAsking(false)
    void queries.invalidateQueries({ queryKey: leaseKey(runtime, view.leaseId) })
    void queries.invalidateQueries({ queryKey: fundsKey(runtime) })
  })
  if (flow.record !== undefined) return <FlowPanel flow={flow} title="Closing" discard="Keep the lease" />
  if (!asking) {
    return (
      <Button kind="danger" onClick={() => setAsking(true)}>
        Close this lease
      </Button>
    )
  }
  const bill = billIfClosedAt(view, now)
  return (
    <section className="card stack" aria-labelledby="close-title">
      <h2 id="close-title">Close this lease?</h2>
      <p className="small muted">The machine stops at once. Save what you need from it first.</p>
      <dl className="facts num">
        <dt>Bill, about</dt>
        <dd>{usdc(bill, 6)} USDC</dd>
        <dt>You get back, about</dt>
        <dd>
          <strong>{usdc(view.deposited - bill, 6)} USDC</strong>
        </dd>
      </dl>
      <Choices
        legend="Refund to"
        name="refund-to"
        className="pair"
        value={to}
        onChange={setTo}
        options={[
          { value: 'wallet', label: 'My wallet' },
          { value: 'balance', label: 'DeCloud balance' },
        ]}
      />
      <div className="row">
        <Button
          kind="primary"
          onClick={() =>
            flow.start({ leaseId: view.leaseId, to: to === 'wallet' ? view.tenant : zeroAddress, ...once() })
          }
        >
          Close and refund
        </Button>
        <Button kind="plain" onClick={() => setAsking(false)}>
          Keep it
        </Button>
      </div>
    </section>
  )
}
