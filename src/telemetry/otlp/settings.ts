/** How to push; milliseconds and bytes. */
export interface OtlpSettings {
  /** `http://` is plain text, `https://` TLS; without a scheme TLS unless `insecure`. */
  readonly endpoint: string
  readonly insecure: boolean
  /** PEM files: whom to trust, and who we are. */
  readonly certificate: string | undefined
  readonly client_key: string | undefined
  readonly client_certificate: string | undefined
  readonly headers: ReadonlyMap<string, string>
  readonly compression: 'none' | 'gzip'
  /** Between two pushes. */
  readonly interval: number
  /** For one push with all its retries. */
  readonly export_timeout: number
  /** For one request. */
  readonly timeout: number
  readonly max_request_size: number
}
