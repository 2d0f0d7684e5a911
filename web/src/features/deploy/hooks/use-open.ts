import type { DecloudError } from '@decloud/protocol/errors'
import type { Resources } from '@decloud/protocol/pricing'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { explain } from '../../../data/errors.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { newRecord } from '../../../flows/flow.ts'
import { flowKey, saveRecord } from '../../../flows/storage.ts'
import type { NodeOffer } from '../../nodes/index.ts'
import { type Funds, useWallet } from '../../wallet/index.ts'
import { openFlow } from '../open-flow.ts'
import type { Payment } from '../payment.ts'
import { choosePayment } from '../permit.ts'
import { prepareLease } from '../prepare.ts'
import type { Quote } from '../terms.ts'

type Choice = {
  node: NodeOffer
  size: Resources
  quote: Quote
  sshKeyLine: string
  payFrom: 'wallet' | 'balance'
  funds: Funds | undefined
  /** Whether a sponsor offers to submit it. */
  sponsored: boolean
}

/**
 * Seals the manifest, writes the flow's record and hands over to the lease's own page, which asks the wallet: from
 * there a reload finds the lease again whatever happens.
 */
export const useOpen = () => {
  const runtime = useRuntime()
  const wallet = useWallet()
  const navigate = useNavigate()
  const [preparing, setPreparing] = useState(false)
  const [error, setError] = useState<DecloudError>()
  const open = async (choice: Choice) => {
    if (wallet.address === undefined) return
    setPreparing(true)
    setError(undefined)
    try {
      const payment = await paymentOf(choice, () => choosePayment(runtime, wallet.address!, choice.sponsored))
      const params = await prepareLease(runtime, { ...choice, tenant: wallet.address, payment })
      saveRecord(flowKey(runtime.config.chainId, openFlow.kind, params.leaseId), newRecord(params))
      await navigate(`/leases/${params.leaseId}`, { state: { ask: true } })
    } catch (cause) {
      setError(explain(cause, { chain: runtime.chain.name, symbol: runtime.chain.nativeCurrency.symbol }))
      setPreparing(false)
    }
  }
  return { open: (choice: Choice) => void open(choice), preparing, error }
}

const paymentOf = async (choice: Choice, ask: () => Promise<Payment>): Promise<Payment> => {
  if (choice.payFrom === 'balance') return { from: 'balance' }
  if (choice.sponsored) return ask()
  if (choice.funds !== undefined && choice.funds.allowance >= choice.quote.deposit)
    return { from: 'allowance' }
  return ask()
}
