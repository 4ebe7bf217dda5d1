/** How to push. */
import type { EndpointSettings } from './endpoint.ts'

/** Times are milliseconds, sizes bytes. */
export interface OtlpSettings extends EndpointSettings {
  /** PEM files: whom to trust, and who we are. */
  readonly certificate: string | undefined
  readonly client_key: string | undefined
  readonly client_certificate: string | undefined
  readonly headers: ReadonlyMap<string, string>
  readonly compression: 'none' | 'gzip'
  /** Between two pushes. */
  readonly interval: number
  /** For one push with all its retries: after it, no request is sent again. */
  readonly export_timeout: number
  /** For one request; never longer than `export_timeout`. */
  readonly timeout: number
  readonly max_request_size: number
  /** `lowmemory` asks for deltas of synchronous instruments only, of which there are none. */
  readonly temporality: 'cumulative' | 'delta' | 'lowmemory'
  /** Whether each container or pod is a Resource, or its identity stands on the points. */
  readonly resources: 'entity' | 'single'
}
