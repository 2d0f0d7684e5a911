import { DecloudError } from '@decloud/protocol'

type Options = ConstructorParameters<typeof DecloudError>[2] & {
  retryable?: boolean
  retryAfterMs?: number
}

/**
 * Anything that goes wrong between this process and a chain. `retryable` says whether the same request may succeed
 * later without a change by a person: an RPC that is down may come back, a wrong chain id never becomes right.
 */
export class ChainError extends DecloudError {
  readonly retryable: boolean
  /** How long the other side asks to be left alone; 0 when it does not say. */
  readonly retryAfterMs: number

  constructor(code: string, message: string, options: Options = {}) {
    const { retryable = false, retryAfterMs = 0, ...rest } = options
    super(code, message, rest)
    this.retryable = retryable
    this.retryAfterMs = retryAfterMs
  }
}

/** A call that the contract refuses. `errorName` is empty when the revert carries no error of the protocol's ABIs. */
export class RevertError extends ChainError {
  readonly errorName: string
  readonly args: readonly unknown[]

  constructor(
    code: 'simulation-reverted' | 'tx-reverted',
    message: string,
    revert: { errorName: string; args: readonly unknown[] },
    options: Options = {},
  ) {
    super(code, message, options)
    this.errorName = revert.errorName
    this.args = revert.args
  }
}

export const isRetryable = (error: unknown): boolean => error instanceof ChainError && error.retryable
