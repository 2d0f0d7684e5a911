import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { useChainNow } from '../../../data/clock.tsx'
import { short } from '../../../data/format.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { pendingSubjects } from '../../../flows/storage.ts'
import { Notice } from '../../../ui/notice.tsx'
import { Empty, Failed, Loading } from '../../../ui/states.tsx'
import { BalanceCard } from '../../balance/index.ts'
import { openFlow } from '../../deploy/index.ts'
import { useWallet, WalletButton } from '../../wallet/index.ts'
import { leasesQuery } from '../queries/leases.ts'
import { LeaseItem } from './lease-item.tsx'
import './leases.css'

export const LeasesPage = () => {
  const { address } = useWallet()
  return (
    <div className="stack">
      <h1 className="leases-title">My leases</h1>
      {address === undefined ? (
        <Empty title="Connect to see your leases" action={<WalletButton />}>
          Leases belong to accounts. Connect the one you deployed with.
        </Empty>
      ) : (
        <>
          <BalanceCard account={address} />
          <Unfinished />
          <List tenant={address} />
        </>
      )}
    </div>
  )
}

/** Leases whose opening stopped half-way, in this browser. */
const Unfinished = () => {
  const { config } = useRuntime()
  return pendingSubjects(config.chainId, openFlow.kind).map((leaseId) => (
    <Notice key={leaseId} tone="warn">
      The opening of a lease was not finished.{' '}
      <Link to={`/leases/${leaseId}`}>Continue or discard {short(leaseId)}</Link>
    </Notice>
  ))
}

const List = ({ tenant }: { tenant: `0x${string}` }) => {
  const now = useChainNow()
  const query = useQuery(leasesQuery(useRuntime(), tenant))
  if (query.isPending) return <Loading label="Reading your leases from the chain" />
  if (query.isError) {
    return (
      <Failed title="Your leases could not be read" error={query.error} retry={() => void query.refetch()} />
    )
  }
  if (query.data.length === 0) {
    return (
      <Empty
        title="No leases yet"
        action={
          <Link className="button" data-kind="primary" to="/">
            Choose a node
          </Link>
        }
      >
        Your first machine is three clicks away.
      </Empty>
    )
  }
  return (
    <ul className="leases">
      {query.data.map((row) => (
        <LeaseItem key={row.leaseId} row={row} now={now} />
      ))}
    </ul>
  )
}
