/** The root of every error that crosses a boundary in DeCloud. */
export class DecloudError extends Error {
  /** Stable, kebab-case, for programs. */
  readonly code: string
  /** What to do about it, one sentence, for people. Empty when the message says it already. */
  readonly hint: string
  /** Figures behind the sentence, safe to log and to show. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>

  constructor(
    code: string,
    message: string,
    options: {
      hint?: string
      details?: Record<string, string | number | boolean | null>
      cause?: unknown
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.hint = options.hint ?? ''
    this.details = options.details ?? {}
  }

  /** Message and hint as one text, for a terminal or a page. */
  get sentence(): string {
    return this.hint === '' ? this.message : `${this.message} ${this.hint}`
  }
}

/** The sentence to show for anything that was thrown. */
export const sentenceOf = (error: unknown): string =>
  error instanceof DecloudError ? error.sentence : error instanceof Error ? error.message : String(error)
