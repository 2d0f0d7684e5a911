import { DecloudError } from '@decloud/protocol/errors'
import { useEffect, useRef, useState } from 'react'
import type { Hex } from 'viem'
import type { NodeClient } from '../../node-session/index.ts'
import { childOf } from '../paths.ts'
import { upload } from '../requests.ts'

export type UploadRow = {
  id: number
  name: string
  size: number
  sent: number
  state: 'waiting' | 'going' | 'done' | 'failed' | 'exists'
  why: string
}

type Job = { row: UploadRow; file: File; folder: string; replace: boolean; stop: AbortController }

/** One file after another; leaving the page cancels what is not through. */
export const useUploads = (
  client: NodeClient,
  leaseId: Hex,
  { onDone, explain }: { onDone: () => void; explain: (error: unknown) => string },
) => {
  const [rows, setRows] = useState<readonly UploadRow[]>([])
  const jobs = useRef<Job[]>([])
  const busy = useRef(false)
  const nextId = useRef(1)

  useEffect(
    () => () => {
      for (const { stop } of jobs.current) stop.abort()
    },
    [],
  )

  const set = (id: number, change: Partial<UploadRow>) =>
    setRows((all) => all.map((row) => (row.id === id ? { ...row, ...change } : row)))

  const run = async ({ row, file, folder, replace, stop }: Job) => {
    set(row.id, { state: 'going', sent: 0, why: '' })
    try {
      await upload(client, leaseId, {
        ...{ path: childOf(folder, file.name), file, replace, signal: stop.signal },
        onProgress: (sent) => set(row.id, { sent }),
      })
      set(row.id, { state: 'done', sent: file.size })
      onDone()
    } catch (error) {
      const exists = error instanceof DecloudError && error.code === 'file-exists'
      set(row.id, { state: exists ? 'exists' : 'failed', why: explain(error) })
    }
  }

  const work = async () => {
    if (busy.current) return
    busy.current = true
    for (let job = jobs.current[0]; job !== undefined; job = jobs.current[0]) {
      if (!job.stop.signal.aborted) await run(job)
      jobs.current.shift()
    }
    busy.current = false
  }

  const queue = (file: File, folder: string, replace: boolean) => {
    const id = nextId.current++
    const row: UploadRow = { id, name: file.name, size: file.size, sent: 0, state: 'waiting', why: '' }
    const again = () => {
      setRows((all) => all.filter((one) => one.id !== id))
      queue(file, folder, true)
    }
    const stop = new AbortController()
    jobs.current.push({ row, file, folder, replace, stop })
    actions.current.set(id, { again, stop })
    setRows((all) => [...all, row])
    void work()
  }
  const actions = useRef(new Map<number, { again: () => void; stop: AbortController }>())

  return {
    rows,
    add: (files: readonly File[], folder: string) => {
      for (const file of files) queue(file, folder, false)
    },
    /** Puts it in the place of the one that is there. */
    replace: (id: number) => actions.current.get(id)?.again(),
    /** Stops it, or takes what is over off the list. */
    remove: (id: number) => {
      actions.current.get(id)?.stop.abort()
      actions.current.delete(id)
      setRows((all) => all.filter((row) => row.id !== id))
    },
  }
}
export type Uploads = ReturnType<typeof useUploads>
