import { duration, moment, usdc } from '../../../data/format.ts'
import { Notice } from '../../../ui/notice.tsx'
import { dueAt, runway, runwayTone } from '../cost.ts'
import type { LeaseNow } from '../queries/lease.ts'

type Props = { lease: LeaseNow; now: number; depleted: boolean }

export const Money = ({ lease, now, depleted }: Props) => {
  const { view } = lease
  const due = dueAt(lease, now)
  const active = view.status === 'Active'
  const left = runway(lease, now)
  const used = view.deposited === 0n ? 0 : Number((due * 1_000n) / view.deposited) / 10
  return (
    <section className="card stack" aria-labelledby="money-title">
      <h2 id="money-title">Cost so far</h2>
      <p className="cost num">
        <strong>{usdc(due, 6)}</strong> <span className="muted">USDC</span>
      </p>
      <progress className="meter" max={100} value={used} aria-label="Share of the deposit used" />
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
            <dd>{moment(lease.runsOutAt)}</dd>
          </>
        )}
      </dl>
      {active && runwayTone(lease, now) === 'warn' && (
        <Notice tone="warn">Less than {duration(left)} are left. Top up to keep it running.</Notice>
      )}
      {!active && <p className="small muted">Nothing is billed until the machine is ready.</p>}
    </section>
  )
}
