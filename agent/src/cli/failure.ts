// What was thrown → an exit code, and what is said of it.
import { DecloudError, sentenceOf } from '@decloud/protocol'
import { BaseError } from 'viem'
import { EXIT } from './verb.ts'

/** What a person has to change before the same command can work. */
const PERSON: ReadonlySet<string> = new Set([
  'usage',
  'config-invalid',
  'port-taken',
  'data-dir-in-use',
  'data-dir-unusable',
  'secret-missing',
  'secret-readable',
  'sealing-keys-malformed',
  'key-malformed',
  'keystore-missing',
  'keystore-malformed',
  'keystore-password-wrong',
  'chain-id-wrong',
  'contract-missing',
  'rpc-disagree',
])

export const exitCodeOf = (error: unknown): number =>
  error instanceof DecloudError && PERSON.has(error.code) ? EXIT.person : EXIT.failed

/** Amounts are bigint: as JSON numbers they would lose units. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part))

/** What is said of an error. A library's own text has lines that are about the library. */
export const wordsOf = (error: unknown): string =>
  error instanceof BaseError ? error.shortMessage : sentenceOf(error)

/** Of an error that no one here foresaw the sentence is all there is: a stack helps nobody at a terminal. */
export const failureOf = (error: unknown) => ({
  error: {
    code: error instanceof DecloudError ? error.code : 'unexpected',
    message: error instanceof DecloudError ? error.message : wordsOf(error),
    hint: error instanceof DecloudError ? error.hint : '',
    details: error instanceof DecloudError ? error.details : {},
  },
})
