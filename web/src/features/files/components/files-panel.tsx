import { useMutation, useQuery } from '@tanstack/react-query'
import { type ChangeEvent, useState } from 'react'
import type { Hex } from 'viem'
import { explain } from '../../../data/errors.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { Button } from '../../../ui/button.tsx'
import { Notice } from '../../../ui/notice.tsx'
import { Failed, Loading } from '../../../ui/states.tsx'
import type { NodeClient } from '../../node-session/index.ts'
import { useUploads } from '../hooks/use-uploads.ts'
import { childOf, parentOf } from '../paths.ts'
import { type Change, change, download, viewQuery } from '../requests.ts'
import { EntryRow, NameForm } from './entry-row.tsx'
import { UploadList } from './upload-list.tsx'
import './files.css'

export const FilesPanel = ({ client, leaseId }: { client: NodeClient; leaseId: Hex }) => {
  const { chain } = useRuntime()
  const words = (error: unknown) =>
    explain(error, { chain: chain.name, symbol: chain.nativeCurrency.symbol }).sentence
  const [asked, setAsked] = useState<string | null>(null)
  const [naming, setNaming] = useState(false)
  const query = useQuery(viewQuery(client, leaseId, asked))
  const refresh = () => void query.refetch()
  const work = useMutation({
    mutationFn: (one: Change) => change(client, leaseId, one),
    onSettled: refresh,
  })
  const fetching = useMutation({ mutationFn: (path: string) => download(client, leaseId, path) })
  const uploads = useUploads(client, leaseId, { onDone: refresh, explain: words })

  const view = query.data
  const folder = view?.path ?? asked ?? '/'
  const go = (path: string) => {
    work.reset()
    fetching.reset()
    setAsked(path)
  }
  const pick = ({ target }: ChangeEvent<HTMLInputElement>) => {
    uploads.add([...(target.files ?? [])], folder)
    target.value = ''
  }
  const failure = work.error ?? fetching.error

  return (
    <div className="stack">
      <div className="spread">
        <p className="mono file-path" data-testid="folder">
          {folder}
        </p>
        <div className="row">
          <Button
            kind="secondary"
            size="small"
            disabled={folder === '/'}
            onClick={() => go(parentOf(folder))}
          >
            Up
          </Button>
          <Button kind="secondary" size="small" onClick={refresh}>
            Refresh
          </Button>
          <Button kind="secondary" size="small" onClick={() => setNaming(true)}>
            New folder
          </Button>
          <label className="button" data-kind="primary" data-size="small">
            Upload
            <input type="file" multiple className="sr" onChange={pick} aria-label="Upload files" />
          </label>
        </div>
      </div>
      {naming && (
        <NameForm
          label="Name of the new folder"
          verb="Make"
          initial=""
          submit={(name) => {
            setNaming(false)
            work.mutate({ what: 'mkdir', body: { path: childOf(folder, name) } })
          }}
          cancel={() => setNaming(false)}
        />
      )}
      <UploadList uploads={uploads} />
      {failure !== null && <Notice tone="bad">{words(failure)}</Notice>}
      {query.isPending && <Loading label="Reading the folder" rows={2} />}
      {query.isError && <Failed title="The folder could not be read" error={query.error} retry={refresh} />}
      {view?.entries === null && (
        <Notice tone="plain">
          This is a file.{' '}
          <Button kind="secondary" size="small" onClick={() => fetching.mutate(view.path)}>
            Download it
          </Button>
        </Notice>
      )}
      {view?.entries?.length === 0 && <p className="muted">This folder is empty.</p>}
      {view?.entries != null && view.entries.length > 0 && (
        <div className="file-table">
          <table>
            <thead>
              <tr className="small muted">
                <th scope="col">Name</th>
                <th scope="col">Kind</th>
                <th scope="col">Size</th>
                <th scope="col">Changed</th>
                <th scope="col">
                  <span className="sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {view.entries.map((entry) => {
                const path = childOf(view.path, entry.name)
                return (
                  <EntryRow
                    key={entry.name}
                    entry={entry}
                    busy={work.isPending}
                    open={() => go(path)}
                    download={() => fetching.mutate(path)}
                    rename={(name) =>
                      work.mutate({ what: 'rename', body: { from: path, to: childOf(view.path, name) } })
                    }
                    remove={() => work.mutate({ what: 'delete', body: { path } })}
                  />
                )
              })}
            </tbody>
          </table>
        </div>
      )}
      {view?.truncated === true && (
        <p className="small muted">
          The folder holds more than is listed: use the terminal to see all of it.
        </p>
      )}
    </div>
  )
}
