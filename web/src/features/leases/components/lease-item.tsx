import { Link } from 'react-router'
import { duration, memory, short, usdc } from '../../../data/format.ts'
import { Badge } from '../../../ui/badge.tsx'
import type { LeaseRow } from '../queries/lease-row.ts'

export const LeaseItem = ({ row, now }: { row: LeaseRow; now: number | undefined }) => {
  const left = now === undefined ? undefined : row.runsOutAt - now
  return (
    <li>
      <Link className="lease-item card" to={`/leases/${row.leaseId}`}>
        <span className="lease-item-main">
          <strong>
            {row.terms.vcpus} vCPU, {memory(row.terms.memoryMiB)}, {row.terms.diskGiB} GiB
          </strong>
          <span className="small muted">
            Node {row.node}, <span className="mono">{short(row.leaseId)}</span>
          </span>
        </span>
        <span className="small muted num">{usdc(row.pricePerHour, 4)} USDC / h</span>
        <span className="small num lease-item-left">
          {row.status === 'Active' && left !== undefined && left > 0 && `${duration(left)} left`}
        </span>
        <Status status={row.status} depleted={left !== undefined && left <= 0} />
      </Link>
    </li>
  )
}

const Status = (props: { status: LeaseRow['status']; depleted: boolean }) => {
  if (props.status === 'Ended' || props.status === 'None') return <Badge>Ended</Badge>
  if (props.status !== 'Active') return <Badge tone="warn">Getting ready</Badge>
  return props.depleted ? <Badge tone="bad">Out of funds</Badge> : <Badge tone="good">Ready</Badge>
}
