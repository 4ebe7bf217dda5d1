/** The pods of a node that have not ended, as a complete picture at any time. */
import type { Container, KeptKeys, Listing, Pod } from '../../names.ts'
import { isOver, type PodEntry, parsePod, uidOf } from './pod.ts'

/** The pods of a node, kept up to date by the events of a watch. */
export class PodStore {
  /** Pods without uid or names, which are left out. */
  omitted = 0
  readonly #kept: KeptKeys
  /** By `metadata.uid`. */
  readonly #entries = new Map<string, PodEntry>()
  #listing: Listing | undefined

  constructor(kept: KeptKeys) {
    this.#kept = kept
  }

  /** Takes a `Pod` object in, in place of what was known of it. */
  add(value: unknown): void {
    if (isOver(value)) {
      this.remove(value)
      return
    }
    const entry = parsePod(value, this.#kept)
    if (entry === undefined) {
      this.omitted++
      return
    }
    this.#entries.set(entry.pod.uid, entry)
    this.#listing = undefined
  }

  remove(value: unknown): void {
    if (this.#entries.delete(uidOf(value) ?? '')) this.#listing = undefined
  }

  /** The same object until something changes. */
  get listing(): Listing {
    this.#listing ??= flatten(this.#entries.values())
    return this.#listing
  }
}

function flatten(entries: Iterable<PodEntry>): Listing {
  const pods: Pod[] = []
  const containers: Container[] = []
  for (const entry of entries) {
    pods.push(entry.pod)
    containers.push(...entry.containers)
  }
  return { pods, containers }
}
