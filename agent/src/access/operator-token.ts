// The operator's token: whoever may read this file of the node is its operator. The command line of the same machine
// sends it to the agent.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { AgentError } from '../lib/errors.ts'

const FILE = 'operator-token'
const TOKEN = /^dco_[A-Za-z0-9_-]{43}$/

/** @throws AgentError `operator-token-missing`, `operator-token-readable`, `operator-token-malformed`. */
export const readOperatorToken = (dataDir: string): string => {
  const path = join(dataDir, FILE)
  const token = textOf(path)
  if ((statSync(path).mode & 0o077) !== 0) {
    throw new AgentError('operator-token-readable', `${path} opens this node's API and others may read it.`, {
      hint: `Delete it and start the agent again, which makes a new one.`,
    })
  }
  if (TOKEN.test(token)) return token
  throw new AgentError('operator-token-malformed', `${path} holds no operator token.`, {
    hint: 'Delete it and start the agent again, which makes a new one.',
  })
}

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw new AgentError('operator-token-missing', `The operator token ${path} cannot be read.`, {
      hint: 'It is made when the agent starts; run this as the user whom the data folder belongs to.',
      cause,
    })
  }
}

/**
 * Makes the token at the first start; a later one finds it.
 * @returns whether a text is the token, in constant time.
 * @throws as `readOperatorToken`; AgentError `data-dir-unusable`.
 */
export const keepOperatorToken = (dataDir: string): ((text: string) => boolean) => {
  create(dataDir)
  const expected = digestOf(readOperatorToken(dataDir))
  return (text) => timingSafeEqual(digestOf(text), expected)
}

const digestOf = (text: string) => createHash('sha256').update(text).digest()

/** Written whole under another name first: a token cut off by a crash would lock its operator out. */
const create = (dataDir: string) => {
  const path = join(dataDir, FILE)
  const draft = join(dataDir, `.${FILE}.${randomBytes(6).toString('hex')}`)
  try {
    const file = openSync(draft, 'wx', 0o600)
    try {
      fchmodSync(file, 0o600)
      writeSync(file, `dco_${randomBytes(32).toString('base64url')}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    linkSync(draft, path)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return
    throw new AgentError('data-dir-unusable', `The operator token ${path} cannot be made.`, {
      hint: 'Check that this user may write to the data folder.',
      cause,
    })
  } finally {
    rmSync(draft, { force: true })
  }
}
