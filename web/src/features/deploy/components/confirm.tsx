import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { duration, memory, usdc } from '../../../data/format.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { offersOpening, sponsorQuery } from '../../../data/sponsor.ts'
import { HOURS_PER_MONTH } from '../../../data/time.ts'
import { Button } from '../../../ui/button.tsx'
import { Choices } from '../../../ui/field.tsx'
import { Notice } from '../../../ui/notice.tsx'
import type { NodeOffer } from '../../nodes/index.ts'
import { FundsLine, fundsQuery, useWallet, WalletButton } from '../../wallet/index.ts'
import type { DeployForm } from '../hooks/use-deploy-form.ts'
import { useOpen } from '../hooks/use-open.ts'
import { preflight } from '../preflight.ts'
import { ACTIVATE_WITHIN, type Quote } from '../terms.ts'

type Props = { form: DeployForm; node: NodeOffer; quote: Quote; unfit: string | undefined }

/** The bill before it is one, and the one button that spends. */
export const Confirm = ({ form, node, quote, unfit }: Props) => {
  const runtime = useRuntime()
  const wallet = useWallet()
  const funds = useQuery(fundsQuery(runtime, wallet.address)).data
  const [payFrom, setPayFrom] = useState<'wallet' | 'balance'>('wallet')
  const opening = useOpen()
  const sponsor = useQuery(sponsorQuery(runtime, wallet.address)).data
  const sponsored = payFrom === 'wallet' && offersOpening(sponsor, quote.deposit)
  const obstacle = preflight({
    connected: wallet.address !== undefined,
    wrongNetwork: wallet.wrongNetwork,
    chain: runtime.chain.name,
    symbol: runtime.chain.nativeCurrency.symbol,
    unfit,
    nodeActive: node.active,
    sshKeyProblem: form.ssh.problem,
    funds,
    deposit: quote.deposit,
    payFrom,
    sponsored,
  })
  const key = form.ssh.key
  return (
    <aside className="confirm card" aria-labelledby="confirm-title">
      <h2 id="confirm-title">Your lease</h2>
      <p className="confirm-price num">
        <strong>{usdc(quote.pricePerHour, 4)}</strong> <span className="muted">USDC / hour</span>
        <span className="small muted">about {usdc(quote.pricePerHour * HOURS_PER_MONTH)} a month</span>
      </p>
      <dl className="facts num">
        <dt>Machine</dt>
        <dd>
          {form.size.vcpus} vCPU, {memory(form.size.memoryMiB)}, {form.size.diskGiB} GiB
        </dd>
        <dt>System</dt>
        <dd>Debian 12</dd>
        <dt>Lasts</dt>
        <dd>{duration(quote.seconds)} from ready</dd>
        <dt className="confirm-total">You pay now</dt>
        <dd className="confirm-total">{usdc(quote.deposit)} USDC</dd>
      </dl>
      {funds !== undefined && funds.internal >= quote.deposit && (
        <Choices
          legend="Pay from"
          name="pay-from"
          className="pair"
          value={payFrom}
          onChange={setPayFrom}
          options={[
            { value: 'wallet', label: 'Wallet' },
            { value: 'balance', label: 'DeCloud balance' },
          ]}
        />
      )}
      {wallet.address === undefined ? (
        <WalletButton label="Connect wallet to deploy" size="large" />
      ) : (
        <>
          {obstacle !== undefined && <Notice tone="warn">{obstacle.sentence}</Notice>}
          <Button
            kind="primary"
            size="large"
            disabled={obstacle !== undefined || form.invalid || key === undefined || opening.preparing}
            onClick={() =>
              key !== undefined &&
              opening.open({ node, size: form.size, quote, sshKeyLine: key.line, payFrom, funds, sponsored })
            }
          >
            {opening.preparing ? 'Sealing your key' : `Confirm and pay ${usdc(quote.deposit)} USDC`}
          </Button>
        </>
      )}
      {opening.error !== undefined && <Notice tone="bad">{opening.error.sentence}</Notice>}
      <FundsLine funds={funds} />
      <ul className="rules small muted">
        <li>Billing starts when your VM is ready, by the second.</li>
        <li>
          Close whenever you like: unused money comes back in the same transaction
          {node.minCharge > 0 &&
            `, less at least ${usdc(quote.leastCharge, 4)} for the first ${duration(node.minCharge)}`}
          .
        </li>
        <li>If the node is not ready within {duration(ACTIVATE_WITHIN)}, everything comes back.</li>
        {sponsored && <li>The network fee is paid for you: you need USDC and nothing else.</li>}
        <li>The price is fixed for the life of the lease.</li>
      </ul>
    </aside>
  )
}
