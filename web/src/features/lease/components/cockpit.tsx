import type { LeaseView } from '@decloud/protocol/lease-fold'
import { Badge } from '../../../ui/badge.tsx'
import { Notice } from '../../../ui/notice.tsx'
import { type NodeSession, SignInToNode } from '../../node-session/index.ts'
import { useWallet } from '../../wallet/index.ts'
import { isDepleted } from '../cost.ts'
import { useMachine } from '../hooks/use-machine.ts'
import { timeline } from '../phases.ts'
import { Bill } from './bill.tsx'
import { CloseLease } from './close-lease.tsx'
import { Inside } from './inside.tsx'
import { MachineFacts } from './machine-facts.tsx'
import { Money } from './money.tsx'
import { SshLine } from './ssh-line.tsx'
import { Timeline } from './timeline.tsx'
import { TopUp } from './top-up.tsx'

export const Cockpit = ({ view, now }: { view: LeaseView; now: number }) => {
  const wallet = useWallet()
  const { machine, session } = useMachine(view)
  const depleted = isDepleted(view, now)
  const mine = wallet.address?.toLowerCase() === view.tenant.toLowerCase()
  const live = view.status !== 'Ended'
  return (
    <div className="cockpit">
      <div className="stack">
        <section className="card stack" aria-labelledby="phases-title">
          <div className="spread">
            <h2 id="phases-title">Where it stands</h2>
            <Status status={view.status} depleted={depleted} />
          </div>
          <Timeline phases={timeline(view, machine, now, depleted)} />
          {live && view.status !== 'Requested' && machine.state === 'unknown' && view.status === 'Active' && (
            <Notice tone="plain">{machine.why}</Notice>
          )}
        </section>
        {view.status === 'Assigned' && <NodeDoor session={session} />}
        {view.status === 'Active' && !depleted && <SshLine view={view} machine={machine} session={session} />}
        {view.status === 'Active' && !depleted && session.client !== null && (
          <Inside client={session.client} leaseId={view.leaseId} />
        )}
        {live && <MachineFacts view={view} machine={machine} />}
      </div>
      <div className="stack">
        {live ? <Money view={view} now={now} depleted={depleted} /> : <Bill view={view} />}
        {view.status === 'Active' && wallet.address !== undefined && (
          <TopUp view={view} payer={wallet.address} />
        )}
        {live && mine && <CloseLease view={view} now={now} />}
        {live && !mine && (
          <Notice tone="plain">
            {wallet.address === undefined
              ? 'Connect the wallet that opened this lease to close it.'
              : 'This lease belongs to another account: you can look and top up, only its tenant can close it.'}
          </Notice>
        )}
      </div>
    </div>
  )
}

const NodeDoor = ({ session }: { session: NodeSession }) =>
  session.client !== null || session.signIn === null ? null : (
    <section className="card stack" aria-labelledby="door-title">
      <h2 id="door-title">The node's own word</h2>
      <SignInToNode session={session} />
    </section>
  )

const Status = (props: { status: LeaseView['status']; depleted: boolean }) => {
  if (props.status === 'Ended') return <Badge>Ended</Badge>
  if (props.depleted) return <Badge tone="bad">Out of funds</Badge>
  return props.status === 'Active' ? (
    <Badge tone="good">Ready</Badge>
  ) : (
    <Badge tone="warn">Getting ready</Badge>
  )
}
