/** Why a request was not taken, in terms that hold for every transport. */

/** The parts of an `ExportError`. */
export interface ExportErrorOptions {
  /** For metrics: the name of a gRPC status, an HTTP status, or the system's error code. */
  readonly reason: string
  /** Whether the same request may be taken later. */
  readonly isRetryable?: boolean
  /** Whether smaller requests may be taken. */
  readonly isTooLarge?: boolean
  /** Milliseconds that the receiver asks to wait before the next attempt. */
  readonly retryAfter?: number | undefined
}

/** A request that the receiver did not accept. */
export class ExportError extends Error {
  override readonly name = 'ExportError'
  readonly reason: string
  readonly isRetryable: boolean
  readonly isTooLarge: boolean
  readonly retryAfter: number | undefined

  /** @param message in the receiver's words, where it has any. */
  constructor(message: string, options: ExportErrorOptions) {
    super(message)
    this.reason = options.reason
    this.isRetryable = options.isRetryable ?? false
    this.isTooLarge = options.isTooLarge ?? false
    this.retryAfter = options.retryAfter
  }
}

/** The error as it is, or one that is not worth another attempt, such as of a certificate that can't be read. */
export function exportError(error: unknown): ExportError {
  if (error instanceof ExportError) return error
  const { code, name, message } = error as NodeJS.ErrnoException
  return new ExportError(message, { reason: code ?? name })
}
