// The data folder: who may write it, how much room it has, who works in it, and whether what is in it can be read.
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { sentenceOf } from '@decloud/protocol'
import Sqlite from 'better-sqlite3'
import { diskReserveOf } from '../config/config.ts'
import { spaceLevel } from '../domain/disk-space.ts'
import { type Finding, fail, ok, unknown, warn } from './finding.ts'
import type { Subject } from './subject.ts'

const GIB = 1024 ** 3
/** A guest of the least shape could not be set up with less. */
const LEAST_BYTES = 2 * GIB

export const checkFolder = async (subject: Subject): Promise<Finding[]> => {
  const check = 'data folder'
  const { dataDir } = subject.config()
  if (!existsSync(dataDir))
    return [warn(check, 'folder-new', `${dataDir} does not exist yet`, 'It is made at the first start.')]
  if (!may(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)) {
    const todo = 'Give it to the user that the agent runs as, or run the doctor as that user.'
    return [fail(check, 'folder-denied', `${dataDir} cannot be written by this user`, todo)]
  }
  const mode = statSync(dataDir).mode & 0o777
  const text = mode.toString(8).padStart(3, '0')
  if ((mode & 0o026) !== 0) {
    const what = `${dataDir} is open to other users (mode ${text})`
    return [fail(check, 'folder-open', what, `chmod 711 ${dataDir}`)]
  }
  return [ok(check, `${dataDir}, mode ${text}`)]
}

const may = (path: string, mode: number): boolean => {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false // that is the answer
  }
}

export const checkSpace = async (subject: Subject): Promise<Finding[]> => {
  const check = 'disk'
  const config = subject.config()
  const where = nearest(config.dataDir)
  const { bavail, blocks, bsize } = statfsSync(where)
  const space = { freeBytes: bavail * bsize, totalBytes: blocks * bsize, reserveBytes: diskReserveOf(config) }
  const free = `${(space.freeBytes / GIB).toFixed(1)} GiB of ${(space.totalBytes / GIB).toFixed(1)} GiB are free under ${where}`
  const level = spaceLevel(space)
  const todo = 'Make room (`decloud-node images gc`), or move the data folder to a larger disk.'
  if (level === 'critical')
    return [fail(check, 'disk-low', `${free}: guests will be paused at their next writes`, todo)]
  return level === 'low' || space.freeBytes < LEAST_BYTES
    ? [fail(check, 'disk-low', `${free}: nothing new is set up until there is more`, todo)]
    : [ok(check, free)]
}

const nearest = (path: string): string => (existsSync(path) ? path : nearest(dirname(path)))

export const checkDatabase = async (subject: Subject): Promise<Finding[]> => {
  const check = 'database'
  const path = join(subject.config().dataDir, 'agent.db')
  if (!existsSync(path)) return [ok(check, 'none yet: it is made at the first start')]
  const todo =
    'Stop the agent and move it away, or restore a backup of it: leases are read from the chain again and running guests are adopted; what is lost are orders and outages that were not credited.'
  try {
    const db = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 5_000 })
    try {
      const verdict = String(db.pragma('quick_check(1)', { simple: true }))
      return verdict === 'ok'
        ? [ok(check, 'whole')]
        : [fail(check, 'database-damaged', `${path} is damaged: ${verdict}`, todo)]
    } finally {
      db.close()
    }
  } catch (error) {
    if (error instanceof Sqlite.SqliteError && /CORRUPT|NOTADB/.test(error.code))
      return [fail(check, 'database-damaged', `${path} is damaged: ${sentenceOf(error)}`, todo)]
    return [unknown(check, 'database-unreadable', `${path} cannot be read: ${sentenceOf(error)}`)]
  }
}
