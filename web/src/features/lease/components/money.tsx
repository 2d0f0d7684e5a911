import { due, runsOutAt } from '@decloud/protocol/billing'
import type { LeaseView } from '@decloud/protocol/lease-fold'
import { duration, moment, usdc } from '../../../data/format.ts'
import { Notice } from '../../../ui/notice.tsx'
import { isRunningLow, runway, usedPercent } from '../cost.ts'

type Props = { view: LeaseView; now: number; depleted: boolean }

export const Money = ({ view, now, depleted }: Props) => {
  const active = view.status === 'Active'
  const left = runway(view, now)
  return (
    <section className="card stack" aria-labelledby="money-title">
      <h2 id="money-title">Cost so far</h2>
      <p className="cost num">
        <strong>{usdc(due(view, now), 6)}</strong> <span className="muted">USDC</span>
      </p>
      <progress
        className="meter"
        max={100}
        value={usedPercent(view, now)}
        aria-label="Share of the deposit used"
      />
      <dl className="facts num">
        <dt>Price, fixed</dt>
        <dd>{usdc(view.pricePerHour, 4)} USDC / h</dd>
        <dt>Paid in</dt>
        <dd>{usdc(view.deposited)} USDC</dd>
        <dt>Runway</dt>
        <dd>{active ? (depleted ? 'none' : duration(left)) : 'starts when ready'}</dd>
        {active && !depleted && (
          <>
            <dt>Runs out</dt>
            <dd>{moment(runsOutAt(view))}</dd>
          </>
        )}
      </dl>
      {active && isRunningLow(view, now) && (
        <Notice tone="warn">Less than {duration(left)} are left. Top up to keep it running.</Notice>
      )}
      {!active && <p className="small muted">Nothing is billed until the machine is ready.</p>}
    </section>
  )
}
