// What the page asks of the agent about the files of a guest.
import { DecloudError } from '@decloud/protocol/errors'
import { ticketSchema } from '@decloud/protocol/wire/access'
import { problemSchema } from '@decloud/protocol/wire/api'
import { type FileView, fileViewSchema } from '@decloud/protocol/wire/files'
import { queryOptions } from '@tanstack/react-query'
import type { Hex } from 'viem'
import { malformed, type NodeClient } from '../node-session/index.ts'

const base = (leaseId: Hex) => `v1/leases/${leaseId}/files`
const content = (leaseId: Hex, path: string) => `${base(leaseId)}/content?path=${encodeURIComponent(path)}`

/** @param path null for the home directory. */
export const viewQuery = (client: NodeClient, leaseId: Hex, path: string | null) =>
  queryOptions({
    queryKey: ['files', leaseId, path],
    retry: false,
    queryFn: async ({ signal }): Promise<FileView> => {
      const query = path === null ? '' : `?path=${encodeURIComponent(path)}`
      return fileViewSchema.parse(await client.ask(`${base(leaseId)}${query}`, { signal }))
    },
  })

export type Change =
  | { what: 'mkdir' | 'delete'; body: { path: string } }
  | { what: 'rename'; body: { from: string; to: string } }

export const change = (client: NodeClient, leaseId: Hex, { what, body }: Change): Promise<unknown> =>
  client.ask(`${base(leaseId)}/${what}`, { body })

/** Leaves the transfer to the browser, which knows how to pause and where to keep it. */
export const download = async (client: NodeClient, leaseId: Hex, path: string): Promise<void> => {
  const { ticket } = ticketSchema.parse(
    await client.ask(`v1/leases/${leaseId}/tickets`, { body: { for: 'download' } }),
  )
  const link = document.createElement('a')
  link.href = `${client.at(content(leaseId, path))}&ticket=${ticket}`
  link.download = ''
  link.click()
}

export type Upload = {
  path: string
  file: Blob
  replace: boolean
  onProgress: (bytes: number) => void
  signal: AbortSignal
}

/**
 * XMLHttpRequest, because `fetch` tells nothing of how far a body has got.
 * @throws DecloudError with the agent's own code; `upload-cancelled`; `agent-unreachable`.
 */
export const upload = async (client: NodeClient, leaseId: Hex, options: Upload): Promise<void> => {
  const { path, file, replace, onProgress, signal } = options
  const token = await client.token()
  const request = new XMLHttpRequest()
  const cancel = () => request.abort()
  signal.addEventListener('abort', cancel)
  try {
    await new Promise<void>((resolve, reject) => {
      request.open('PUT', client.at(`${content(leaseId, path)}&replace=${replace}`))
      request.setRequestHeader('authorization', `Bearer ${token}`)
      request.setRequestHeader('content-type', 'application/octet-stream')
      request.upload.onprogress = ({ loaded }) => onProgress(loaded)
      request.onload = () =>
        request.status === 200 ? resolve() : reject(refusal(request.status, request.responseText))
      request.onerror = () => reject(brokenOff())
      request.onabort = () => reject(new DecloudError('upload-cancelled', 'The upload was cancelled.'))
      if (signal.aborted) request.abort()
      else request.send(file)
    })
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

const refusal = (status: number, text: string) => {
  const problem = problemSchema.safeParse(jsonOf(text))
  if (!problem.success) return malformed(status, problem.error)
  return new DecloudError(problem.data.code, problem.data.detail ?? problem.data.title)
}

const brokenOff = () =>
  new DecloudError('agent-unreachable', 'The upload broke off.', {
    hint: 'Nothing of it was kept in the machine: try again.',
  })

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // the schema refuses it
  }
}
