import { usdc } from '../../../data/format.ts'
import type { Funds } from '../queries/funds.ts'

/** What the connected account can pay with. */
export const FundsLine = (props: { funds: Funds | undefined }) =>
  props.funds === undefined ? null : (
    <p className="small muted num">
      Your wallet holds {usdc(props.funds.wallet)} USDC
      {props.funds.internal > 0n && `, your DeCloud balance ${usdc(props.funds.internal)} USDC`}.
    </p>
  )
