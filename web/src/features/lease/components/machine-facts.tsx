import type { LeaseView } from '@decloud/protocol/lease-fold'
import { BANDWIDTH_TIERS, QUALITY_TIERS } from '@decloud/protocol/pricing'
import { duration, memory } from '../../../data/format.ts'
import { Badge } from '../../../ui/badge.tsx'
import type { Machine } from '../phases.ts'

const TONES = { Ready: 'good', Pending: 'plain', Checking: 'plain', TimedOut: 'warn', Failed: 'bad' } as const

export const MachineFacts = ({ view, machine }: { view: LeaseView; machine: Machine }) => {
  const { terms } = view
  return (
    <section className="card stack" aria-labelledby="machine-title">
      <h2 id="machine-title">Machine</h2>
      <dl className="facts num">
        <dt>Size</dt>
        <dd>
          {terms.vcpus} vCPU, {memory(terms.memoryMiB)}, {terms.diskGiB} GiB
        </dd>
        <dt>CPU</dt>
        <dd>{QUALITY_TIERS[terms.tier]}</dd>
        <dt>Bandwidth</dt>
        <dd>{BANDWIDTH_TIERS[terms.bandwidth]}</dd>
        <dt>Node</dt>
        <dd>{view.node}</dd>
        <dt>Notice of a reclaim</dt>
        <dd>{view.notice === 0 ? 'none' : duration(view.notice)}</dd>
      </dl>
      {machine.state === 'known' && machine.report.readiness.length > 0 && (
        <ul className="services" aria-label="Readiness by service">
          {machine.report.readiness.map((check) => (
            <li key={check.name}>
              <span>{check.name}</span>
              <Badge tone={TONES[check.state]}>{check.state}</Badge>
              {check.message !== null && <span className="small muted">{check.message}</span>}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
