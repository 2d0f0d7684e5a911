import { lazy, Suspense, useState } from 'react'
import type { Hex } from 'viem'
import { Button } from '../../../ui/button.tsx'
import { Loading } from '../../../ui/states.tsx'
import type { NodeClient } from '../../node-session/index.ts'

// A terminal weighs more than the rest of this page: it comes when somebody wants one.
const TerminalPanel = lazy(async () => ({ default: (await import('../../terminal/index.ts')).TerminalPanel }))
const ConsolePanel = lazy(async () => ({ default: (await import('../../terminal/index.ts')).ConsolePanel }))
const FilesPanel = lazy(async () => ({ default: (await import('../../files/index.ts')).FilesPanel }))

const ROOMS = [
  { id: 'terminal', name: 'Terminal', Panel: TerminalPanel },
  { id: 'files', name: 'Files', Panel: FilesPanel },
  { id: 'console', name: 'Serial console', Panel: ConsolePanel },
] as const

export const Inside = ({ client, leaseId }: { client: NodeClient; leaseId: Hex }) => {
  const [shown, setShown] = useState<(typeof ROOMS)[number]['id'] | null>(null)
  const room = ROOMS.find(({ id }) => id === shown)
  return (
    <section className="card stack" aria-labelledby="inside-title">
      <div className="spread">
        <h2 id="inside-title">Inside the machine</h2>
        <div className="row">
          {ROOMS.map(({ id, name }) => (
            <Button
              key={id}
              kind={shown === id ? 'primary' : 'secondary'}
              size="small"
              aria-pressed={shown === id}
              onClick={() => setShown(shown === id ? null : id)}
            >
              {name}
            </Button>
          ))}
        </div>
      </div>
      {room === undefined ? (
        <p className="muted small">
          Through the node's own login, over a connection that only you and your collaborators are let in to.
        </p>
      ) : (
        <Suspense fallback={<Loading label={`Opening ${room.name}`} rows={1} />}>
          <room.Panel client={client} leaseId={leaseId} />
        </Suspense>
      )}
    </section>
  )
}
