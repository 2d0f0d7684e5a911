import type { FileEntry } from '@decloud/protocol/wire/files'
import { type FormEvent, useState } from 'react'
import { Button } from '../../../ui/button.tsx'
import { Field } from '../../../ui/field.tsx'
import { nameProblem, sizeText } from '../paths.ts'

const KINDS: Readonly<Record<FileEntry['kind'], string>> = {
  file: 'File',
  directory: 'Folder',
  link: 'Link',
  other: 'Special',
}
const dateText = (seconds: number) => new Date(seconds * 1_000).toLocaleString()

export const EntryRow = (props: {
  entry: FileEntry
  busy: boolean
  open: () => void
  download: () => void
  rename: (name: string) => void
  remove: () => void
}) => {
  const { entry, busy } = props
  const [doing, setDoing] = useState<'nothing' | 'renaming' | 'deleting'>('nothing')
  const enters = entry.kind === 'directory' || entry.kind === 'link'
  return (
    <tr>
      <th scope="row" className="file-name">
        {enters ? (
          <button type="button" className="link" onClick={props.open}>
            {entry.name}
          </button>
        ) : (
          entry.name
        )}
      </th>
      <td className="small muted">{KINDS[entry.kind]}</td>
      <td className="num small">{entry.kind === 'file' ? sizeText(entry.size) : ''}</td>
      <td className="num small">{dateText(entry.modifiedAt)}</td>
      <td className="file-actions">
        {doing === 'renaming' && (
          <NameForm
            label={`New name of ${entry.name}`}
            verb="Rename"
            initial={entry.name}
            submit={(name) => {
              setDoing('nothing')
              if (name !== entry.name) props.rename(name)
            }}
            cancel={() => setDoing('nothing')}
          />
        )}
        {doing === 'deleting' && (
          <>
            <Button
              kind="danger"
              size="small"
              onClick={() => {
                setDoing('nothing')
                props.remove()
              }}
            >
              Delete for good
            </Button>
            <Button kind="plain" size="small" onClick={() => setDoing('nothing')}>
              Keep
            </Button>
          </>
        )}
        {doing === 'nothing' && (
          <>
            {entry.kind !== 'directory' && entry.kind !== 'other' && (
              <Button
                kind="secondary"
                size="small"
                aria-label={`Download ${entry.name}`}
                onClick={props.download}
              >
                Download
              </Button>
            )}
            <Button
              kind="plain"
              size="small"
              disabled={busy}
              aria-label={`Rename ${entry.name}`}
              onClick={() => setDoing('renaming')}
            >
              Rename
            </Button>
            <Button
              kind="plain"
              size="small"
              disabled={busy}
              aria-label={`Delete ${entry.name}`}
              onClick={() => setDoing('deleting')}
            >
              Delete
            </Button>
          </>
        )}
      </td>
    </tr>
  )
}

export const NameForm = (props: {
  label: string
  verb: string
  initial: string
  submit: (name: string) => void
  cancel: () => void
}) => {
  const [name, setName] = useState(props.initial)
  const problem = nameProblem(name)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (problem === undefined) props.submit(name)
  }
  return (
    <form className="row" onSubmit={submit}>
      <Field label={props.label} problem={name === '' ? undefined : problem}>
        {(control) => (
          <input
            {...control}
            value={name}
            maxLength={255}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <Button type="submit" kind="secondary" size="small" disabled={problem !== undefined}>
        {props.verb}
      </Button>
      <Button kind="plain" size="small" onClick={props.cancel}>
        Cancel
      </Button>
    </form>
  )
}
