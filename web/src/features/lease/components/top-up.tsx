import { DecloudError } from '@decloud/protocol/errors'
import type { LeaseView } from '@decloud/protocol/lease-fold'
import { parseUsdc, SECONDS_PER_HOUR } from '@decloud/protocol/units'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Address } from 'viem'
import { shortBalance } from '../../../data/errors.ts'
import { duration } from '../../../data/format.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { tokenDomainQuery } from '../../../data/token.ts'
import { FlowPanel } from '../../../flows/flow-panel.tsx'
import { useOnce } from '../../../flows/sponsored.ts'
import { useFlow } from '../../../flows/use-flow.ts'
import { Button } from '../../../ui/button.tsx'
import { Field } from '../../../ui/field.tsx'
import { FundsLine, fundsKey, fundsQuery, useWallet } from '../../wallet/index.ts'
import { topUpFlow } from '../flows.ts'
import { leaseKey } from '../queries/lease.ts'

type Reading = { amount: bigint | undefined; problem: string | undefined }

const read = (text: string): Reading => {
  if (text.trim() === '') return { amount: undefined, problem: undefined }
  try {
    const amount = parseUsdc(text)
    return amount > 0n
      ? { amount, problem: undefined }
      : { amount: undefined, problem: 'More than nothing, please.' }
  } catch (error) {
    if (error instanceof DecloudError) return { amount: undefined, problem: error.sentence }
    throw error
  }
}

export const TopUp = ({ view, payer }: { view: LeaseView; payer: Address }) => {
  const runtime = useRuntime()
  const queries = useQueryClient()
  const wallet = useWallet()
  const funds = useQuery(fundsQuery(runtime, payer)).data
  const token = useQuery(tokenDomainQuery(runtime)).data
  const once = useOnce(wallet.address)
  const [text, setText] = useState('')
  const flow = useFlow(topUpFlow, view.leaseId, wallet.signer, () => {
    setText('')
    void queries.invalidateQueries({ queryKey: leaseKey(runtime, view.leaseId) })
    void queries.invalidateQueries({ queryKey: fundsKey(runtime) })
  })
  if (flow.record !== undefined) return <FlowPanel flow={flow} title="Topping up" discard="Leave it" />
  const { amount, problem } = read(text)
  const fromBalance = amount !== undefined && funds !== undefined && funds.internal >= amount
  const short =
    amount !== undefined && funds !== undefined && !fromBalance && funds.wallet < amount
      ? shortBalance('Your wallet', funds.wallet, amount, 'Send USDC to it or top up less.').sentence
      : undefined
  return (
    <section className="card stack" aria-labelledby="top-up-title">
      <h2 id="top-up-title">Top up</h2>
      <Field
        label="Amount, USDC"
        problem={problem ?? short}
        help={
          amount === undefined
            ? 'Anyone may top a lease up.'
            : `Adds ${duration(Number((amount * SECONDS_PER_HOUR) / view.pricePerHour))}${fromBalance ? ', paid from your DeCloud balance' : ''}.`
        }
      >
        {(control) => (
          <input
            {...control}
            className="input num"
            inputMode="decimal"
            autoComplete="off"
            placeholder="5.00"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
      <Button
        kind="secondary"
        disabled={amount === undefined || short !== undefined || wallet.wrongNetwork}
        onClick={() =>
          amount !== undefined &&
          flow.start({
            leaseId: view.leaseId,
            amount,
            target: view.deposited + amount,
            payer,
            fromBalance,
            ...once(),
            ...(token == null ? {} : { token }),
          })
        }
      >
        Top up
      </Button>
      <FundsLine funds={funds} />
    </section>
  )
}
