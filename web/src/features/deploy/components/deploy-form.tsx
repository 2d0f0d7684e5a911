import type { PolicyParameters } from '@decloud/protocol/pricing'
import { Link } from 'react-router'
import { regionName } from '../../../data/format.ts'
import { fits, freeOf, type NodeOffer } from '../../nodes/index.ts'
import { useDeployForm } from '../hooks/use-deploy-form.ts'
import { PRESETS } from '../sizes.ts'
import { quote } from '../terms.ts'
import { AccessStep } from './access-step.tsx'
import { Confirm } from './confirm.tsx'
import { SizeStep } from './size-step.tsx'
import { TimeStep } from './time-step.tsx'

export const DeployForm = (props: { node: NodeOffer; policy: PolicyParameters }) => {
  const { node, policy } = props
  const free = freeOf(node)
  const firstFit = PRESETS.findLast(
    (preset) =>
      preset.id !== 'large' && preset.id !== 'medium' && fits(preset.size, free, policy) === undefined,
  )
  const form = useDeployForm(firstFit?.id ?? 'custom')
  return (
    <div className="deploy">
      <header>
        <p className="small">
          <Link to="/">All nodes</Link>
        </p>
        <h1 className="deploy-title">
          Deploy on node {node.node}
          <span className="muted">, {regionName(node.region) || 'anywhere'}</span>
        </h1>
      </header>
      <div className="deploy-steps stack">
        <SizeStep form={form} free={free} policy={policy} node={node} />
        <AccessStep form={form} />
        <TimeStep form={form} price={quote(form.size, 1, node, policy).pricePerHour} />
      </div>
      <Confirm
        form={form}
        node={node}
        unfit={fits(form.size, free, policy)}
        quote={quote(form.size, form.hours, node, policy)}
      />
    </div>
  )
}
