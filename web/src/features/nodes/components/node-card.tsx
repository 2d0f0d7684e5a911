import type { PolicyParameters } from '@decloud/protocol/pricing'
import { Link } from 'react-router'
import { duration, memory, regionName, short, usdc } from '../../../data/format.ts'
import { HOURS_PER_MONTH } from '../../../data/time.ts'
import { Badge } from '../../../ui/badge.tsx'
import { freeOf, points } from '../capacity.ts'
import type { NodeOffer } from '../queries/nodes.ts'
import { priceOf } from '../sort.ts'

export const NodeCard = (props: { node: NodeOffer; policy: PolicyParameters }) => {
  const { node, policy } = props
  const free = freeOf(node)
  const price = priceOf(node, policy)
  const full = free.pointUnits === 0n || free.memoryMiB === 0n || free.diskGiB === 0n
  const region = regionName(node.region) || 'anywhere'
  return (
    <li className="node card">
      <div className="node-head">
        <div>
          <h3>{region}</h3>
          <p className="small muted">
            <Link to={`/nodes/${node.node}`}>Node {node.node}</Link>{' '}
            <span className="mono">{short(node.nodeId)}</span>
          </p>
        </div>
        <div className="node-badges">
          {node.hasCustomPricing && <Badge title="The operator set its own prices">custom price</Badge>}
          {!node.active ? (
            <Badge tone="warn">taking no leases</Badge>
          ) : full ? (
            <Badge tone="warn">full</Badge>
          ) : (
            <Badge tone="good">open</Badge>
          )}
        </div>
      </div>
      <p className="node-price num">
        <strong>{usdc(price, 4)}</strong> <span className="muted">USDC / hour</span>
        <span className="muted small">about {usdc(price * HOURS_PER_MONTH)} a month</span>
      </p>
      <ul className="meters num">
        <Meter
          label="CPU"
          free={free.pointUnits}
          of={node.capacity.pointUnits}
          text={`${points(free.pointUnits)} points`}
        />
        <Meter
          label="Memory"
          free={free.memoryMiB}
          of={node.capacity.memoryMiB}
          text={memory(free.memoryMiB)}
        />
        <Meter label="Disk" free={free.diskGiB} of={node.capacity.diskGiB} text={`${free.diskGiB} GiB`} />
      </ul>
      <div className="node-foot">
        <p className="small muted">
          {node.notice > 0 ? `${duration(node.notice)} notice` : 'No notice period'}, least charge{' '}
          {duration(node.minCharge)}
        </p>
        {node.active && !full ? (
          <Link
            className="button"
            data-kind="primary"
            to={`/deploy/${node.node}`}
            aria-label={`Deploy on node ${node.node}, ${region}`}
          >
            Deploy
          </Link>
        ) : (
          <span className="small muted">Unavailable</span>
        )}
      </div>
    </li>
  )
}

const Meter = (props: { label: string; free: bigint; of: bigint; text: string }) => {
  const percent = props.of === 0n ? 0 : Number((props.free * 100n) / props.of)
  return (
    <li>
      <span className="muted">{props.label}</span>
      <span>{props.text} free</span>
      <progress className="meter" max={100} value={percent} aria-label={`${props.label} free`} />
    </li>
  )
}
