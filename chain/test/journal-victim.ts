// A process that sends one transaction through a journal; its parent kills it wherever it likes.
import type { Deployment } from '@decloud/protocol'
import type { Address, Hex } from 'viem'
import { connect, loadKey, makeJournal, openDatabase } from '../src/index.ts'

const task = JSON.parse(process.argv[2]!) as {
  url: string
  deployment: Deployment
  database: string
  privateKey: Hex
  to: Address
  data: Hex
  replaceAfterMs: number
}
const chain = await connect({ urls: [task.url], deployment: task.deployment })
const account = await loadKey({ privateKey: task.privateKey })
const { replaceAfterMs } = task
const journal = makeJournal({ chain, db: openDatabase(task.database), account, replaceAfterMs })
await journal.send({ kind: 'deposit', dedupe: 'once', to: task.to, data: task.data })
