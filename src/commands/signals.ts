/**
 * Signals from the first moment on. This file imports nothing of the program, so that it runs before the rest is even
 * loaded: a SIGHUP would end the process until then, and the kernel would drop a SIGTERM to PID 1.
 */

/** A signal that ends the agent. */
export type EndSignal = 'SIGTERM' | 'SIGINT'

/** What a command does on signals. */
export interface SignalHandlers {
  /** Called once. */
  readonly onEnd: (signal: EndSignal) => void
  /** SIGHUP. */
  readonly onReload: () => void
}

/** Receives signals, and hands them to a command once it is ready. */
export class Signals {
  #handlers: SignalHandlers | undefined
  #ended: EndSignal | undefined
  #hasToReload = false

  /** Catches signals from now on; those that come before `handle` are kept for it. */
  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#end(signal))
    process.on('SIGHUP', () => this.#reload())
    // Node.js would open its inspector, where it was not started with --disable-sigusr1.
    process.on('SIGUSR1', () => {})
  }

  /** Gives the handlers what has come so far, and what comes from now on. */
  handle(handlers: SignalHandlers): void {
    this.#handlers = handlers
    if (this.#ended !== undefined) handlers.onEnd(this.#ended)
    else if (this.#hasToReload) handlers.onReload()
  }

  #end(signal: EndSignal): void {
    if (this.#ended !== undefined) return
    this.#ended = signal
    this.#handlers?.onEnd(signal)
  }

  #reload(): void {
    this.#hasToReload = true
    if (this.#ended === undefined) this.#handlers?.onReload()
  }
}
