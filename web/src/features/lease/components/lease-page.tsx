import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { Link, useLocation, useParams } from 'react-router'
import { isHex } from 'viem'
import { useChainNow } from '../../../data/clock.tsx'
import { short } from '../../../data/format.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { FlowPanel } from '../../../flows/flow-panel.tsx'
import { useFlow } from '../../../flows/use-flow.ts'
import { Empty, Failed, Loading } from '../../../ui/states.tsx'
import { openFlow } from '../../deploy/index.ts'
import { fundsKey, useWallet } from '../../wallet/index.ts'
import { leaseKey, leaseQuery } from '../queries/lease.ts'
import { Cockpit } from './cockpit.tsx'
import './lease.css'

export const LeasePage = () => {
  const leaseId = useParams()['leaseId'] ?? ''
  if (!isHex(leaseId) || leaseId.length !== 66) {
    return <Empty title="Not a lease">A lease is named by 0x and 64 hex digits.</Empty>
  }
  return <Lease key={leaseId} leaseId={leaseId} />
}

const Lease = ({ leaseId }: { leaseId: `0x${string}` }) => {
  const runtime = useRuntime()
  const queries = useQueryClient()
  const wallet = useWallet()
  const now = useChainNow()
  const query = useQuery(leaseQuery(runtime, leaseId))
  const confirmed = useJustConfirmed()
  const refresh = () => {
    void queries.invalidateQueries({ queryKey: leaseKey(runtime, leaseId) })
    void queries.invalidateQueries({ queryKey: fundsKey(runtime) })
  }
  const opening = useFlow(openFlow, leaseId, wallet.signer, refresh, confirmed)

  return (
    <div className="stack lease">
      <header className="lease-head">
        <p className="small">
          <Link to="/leases">My leases</Link>
        </p>
        <h1 className="lease-title">
          Lease <span className="mono">{short(leaseId)}</span>
        </h1>
        <p className="small mono muted lease-id">{leaseId}</p>
      </header>
      <FlowPanel flow={opening} title="Opening your lease" discard="Discard" />
      {query.isPending && <Loading label="Reading the lease from the chain" rows={2} />}
      {query.isError && (
        <Failed title="The lease could not be read" error={query.error} retry={() => void query.refetch()} />
      )}
      {query.data === null && opening.record === undefined && (
        <Empty
          title="Not on chain"
          action={
            <Link className="button" data-kind="primary" to="/">
              Choose a node
            </Link>
          }
        >
          No block holds this lease. Nothing was paid for it.
        </Empty>
      )}
      {query.data != null && now !== undefined && <Cockpit view={query.data} now={now} />}
    </div>
  )
}

/** Coming from the confirm button the wallet is asked at once; coming from a reload or a link it is not. */
const useJustConfirmed = (): boolean => {
  const { state } = useLocation()
  const [confirmed] = useState((state as { ask?: boolean } | null)?.ask === true)
  useEffect(() => {
    // The history entry survives a reload; the wish to be asked must not.
    if (confirmed) window.history.replaceState({ ...window.history.state, usr: null }, '')
  }, [confirmed])
  return confirmed
}
