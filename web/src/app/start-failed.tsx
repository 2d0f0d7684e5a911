import { sentenceOf } from '@decloud/protocol/errors'
import { Button } from '../ui/button.tsx'

/** The bundle is here, its deployment file is not: say what to do. */
export const StartFailed = ({ error }: { error: unknown }) => (
  <main className="page">
    <div className="card empty" role="alert">
      <h1 className="start-title">DeCloud does not know its network yet</h1>
      <p>{sentenceOf(error)}</p>
      <Button kind="secondary" onClick={() => window.location.reload()}>
        Reload
      </Button>
    </div>
  </main>
)
