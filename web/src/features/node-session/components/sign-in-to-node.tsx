import { Button } from '../../../ui/button.tsx'
import { Notice } from '../../../ui/notice.tsx'
import type { NodeSession } from '../hooks/use-node-session.ts'

/** Shown only while there is a reason to: a wallet is there and has no session. */
export const SignInToNode = ({ session }: { session: NodeSession }) => {
  const { signIn } = session
  if (session.client !== null || signIn === null) return null
  return (
    <div className="stack">
      <p className="muted">
        The node answers its tenants and their collaborators only. Signing in is one signature of your wallet:
        it costs nothing and changes nothing on chain.
      </p>
      {session.failure !== null && <Notice tone="bad">{session.failure}</Notice>}
      <div>
        <Button kind="secondary" disabled={session.signing} onClick={signIn}>
          {session.signing ? 'Waiting for your wallet' : 'Sign in to the node'}
        </Button>
      </div>
    </div>
  )
}
