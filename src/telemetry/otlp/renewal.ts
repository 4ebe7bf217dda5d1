/** A connection that is made again when the files of its certificates change: they are replaced long before they expire. */
import { ChangedFiles } from '../../lib/changed-files.ts'
import { exportError } from './export-error.ts'
import type { ExportRequest } from './requests.ts'
import type { OtlpSettings } from './settings.ts'
import { openTransport, type Rejection, type Transport } from './transport.ts'

/** Callbacks for a change of certificate files. */
export interface RenewalEvents {
  /** New certificates are in use. */
  renewed(): void
  /** The files have changed to something unusable, such as a key without its certificate; the old ones stay. */
  notRenewed(error: unknown): void
}

/** A transport that is opened again when the files of its certificates have changed. */
export class RenewedTransport implements Transport {
  readonly #settings: OtlpSettings
  readonly #events: RenewalEvents
  readonly #files = new ChangedFiles()
  #current: Transport | undefined

  constructor(settings: OtlpSettings, events: RenewalEvents) {
    this.#settings = settings
    this.#events = events
  }

  /** @throws also what is wrong with the certificates, as long as there have never been usable ones. */
  async send(request: ExportRequest): Promise<Rejection> {
    const transport = await this.#usable()
    return transport.send(request)
  }

  async close(): Promise<void> {
    await this.#current?.close()
  }

  async #usable(): Promise<Transport> {
    const before = this.#current
    if (before !== undefined && !this.#files.haveChanged()) return before
    const { certificate, client_key, client_certificate } = this.#settings
    this.#files.clear()
    for (const path of [certificate, client_key, client_certificate]) {
      if (path !== undefined) this.#files.note(path)
    }
    try {
      const next = await openTransport(this.#settings)
      this.#current = next
      if (before === undefined) return next
      // Nothing is under way on it: requests are sent one at a time.
      void before.close()
      this.#events.renewed()
      return next
    } catch (error) {
      if (before === undefined) throw exportError(error)
      this.#events.notRenewed(error)
      return before
    }
  }
}
