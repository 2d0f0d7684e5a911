import type { LeaseView } from '@decloud/protocol/lease-fold'
import { duration, usdc } from '../../../data/format.ts'
import { isLeastCharge } from '../cost.ts'
import { END_TEXTS } from '../phases.ts'

/** The final bill, from the event that ended the lease. */
export const Bill = ({ view }: { view: LeaseView }) => (
  <section className="card stack bill" aria-labelledby="bill-title">
    <h2 id="bill-title">Final bill</h2>
    <p className="cost num">
      <strong data-testid="bill-due">{usdc(view.due, 6)}</strong> <span className="muted">USDC</span>
    </p>
    <dl className="facts num">
      <dt>Price</dt>
      <dd>{usdc(view.pricePerHour, 4)} USDC / h</dd>
      <dt>Time</dt>
      <dd>{view.startedAt === 0 ? 'never ready' : duration(view.endedAt - view.startedAt)}</dd>
      {isLeastCharge(view) && (
        <>
          <dt>Billed</dt>
          <dd>{duration(view.minCharge)}, the node's least charge</dd>
        </>
      )}
      <dt>Paid in</dt>
      <dd>{usdc(view.deposited, 6)} USDC</dd>
      <dt>Refunded</dt>
      <dd data-testid="bill-refunded">{usdc(view.refunded, 6)} USDC</dd>
    </dl>
    <p className="small muted">{END_TEXTS[view.endReason]}</p>
  </section>
)
