import type { LeaseView } from '@decloud/protocol/lease-fold'
import { Copy } from '../../../ui/copy.tsx'
import { Notice } from '../../../ui/notice.tsx'
import { type NodeSession, SignInToNode } from '../../node-session/index.ts'
import type { Machine } from '../phases.ts'
import { inSshNotation, sshAccess } from '../ssh.ts'

type Props = { view: LeaseView; machine: Machine; session: NodeSession }

export const SshLine = (props: Props) => (
  <section className="card stack" aria-labelledby="ssh-title">
    <h2 id="ssh-title">Log in</h2>
    <Access {...props} />
  </section>
)

const Access = ({ view, machine, session }: Props) => {
  const onChain = view.hostKeyFingerprint
  if (onChain === null) return <p className="muted">The host key has not been posted yet.</p>
  const ssh = machine.state === 'known' ? machine.report.ssh : null
  if (ssh === null) {
    return (
      <>
        <p className="muted">
          The address comes from the node's agent:{' '}
          {machine.state === 'unknown' ? machine.why : 'the guest has not reported it yet.'}
        </p>
        <SignInToNode session={session} />
        <Fingerprint text={inSshNotation(onChain)} />
      </>
    )
  }
  const access = sshAccess(view.leaseId, ssh, onChain)
  if (access.state === 'unusable') {
    return <Notice tone="bad">The node's agent sent an SSH address that is not one. Do not log in.</Notice>
  }
  if (access.state === 'mismatch') {
    return (
      <Notice tone="bad">
        Do not log in: the guest shows the host key {access.reported}, but {access.onChain} was posted on
        chain when it became ready. Somebody may stand in between.
      </Notice>
    )
  }
  return (
    <>
      <Copy text={access.line} label="SSH line" />
      <p className="small muted">
        This line accepts the one host key posted on chain and no other. With OpenSSH older than 8.5, use the
        short form and compare the fingerprint yourself.
      </p>
      <details className="more">
        <summary>Short form</summary>
        <Copy text={access.short} label="short SSH line" />
      </details>
      <Fingerprint text={access.fingerprint} />
    </>
  )
}

const Fingerprint = ({ text }: { text: string }) => (
  <dl className="facts">
    <dt>Host key on chain</dt>
    <dd className="mono">{text}</dd>
  </dl>
)
