import { Button } from '../../../ui/button.tsx'
import type { Uploads } from '../hooks/use-uploads.ts'
import { sizeText } from '../paths.ts'

export const UploadList = ({ uploads }: { uploads: Uploads }) =>
  uploads.rows.length === 0 ? null : (
    <ul className="uploads" aria-label="Uploads">
      {uploads.rows.map(({ id, name, size, sent, state, why }) => (
        <li key={id} data-state={state}>
          <span className="file-name">{name}</span>
          {state === 'going' && (
            <progress max={Math.max(size, 1)} value={sent} aria-label={`Upload of ${name}`} />
          )}
          <span className="small muted num" role="status">
            {state === 'waiting' && 'Waiting'}
            {state === 'going' && `${sizeText(sent)} of ${sizeText(size)}`}
            {state === 'done' && `Done, ${sizeText(size)}`}
            {(state === 'failed' || state === 'exists') && why}
          </span>
          {state === 'exists' && (
            <Button kind="secondary" size="small" onClick={() => uploads.replace(id)}>
              Replace
            </Button>
          )}
          <Button
            kind="plain"
            size="small"
            aria-label={state === 'going' || state === 'waiting' ? `Cancel ${name}` : `Dismiss ${name}`}
            onClick={() => uploads.remove(id)}
          >
            {state === 'going' || state === 'waiting' ? 'Cancel' : 'Dismiss'}
          </Button>
        </li>
      ))}
    </ul>
  )
