/** Which files of cgroups could not be read, and in how many cgroups. */

import type { BatchObservableResult, HrTime, Meter } from '@opentelemetry/api'
import { errorCode } from '../../kernel/errors.ts'
import { Entity } from '../../telemetry/entity.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import { FILE_METRICS } from './definitions.ts'

/** Codes for a file, or a value, that the kernel does not have: an omission, not a failure. */
const ABSENT = new Set(['ENOENT', 'EOPNOTSUPP', 'ENODEV'])

/** Counts files of cgroups that are missing or could not be read. */
export class FileHealth {
  readonly #created: HrTime
  readonly #missing = new Map<string, { readonly entity: Entity; count: number }>()
  readonly #errors = new Map<string, { readonly entity: Entity; count: number }>()

  /** @param created since when errors are counted. */
  constructor(created: HrTime) {
    this.#created = created
  }

  /** Resets the numbers of missing files; errors stay counted. */
  beginPass(): void {
    for (const missing of this.#missing.values()) missing.count = 0
  }

  /** Counts a cgroup without the file. */
  addMissing(file: string): void {
    const missing = this.#missing.get(file) ?? {
      entity: new Entity({ 'cgroup.file': file }, this.#created),
      count: 0,
    }
    missing.count++
    this.#missing.set(file, missing)
  }

  /**
   * Counts a failure.
   *
   * @returns whether the file does not exist; then nothing is counted.
   */
  add(file: string, error: unknown): boolean {
    const type = errorCode(error)
    if (ABSENT.has(type)) return true
    const key = `${file} ${type}`
    const known = this.#errors.get(key) ?? {
      entity: new Entity({ 'cgroup.file': file, 'error.type': type }, this.#created),
      count: 0,
    }
    known.count++
    this.#errors.set(key, known)
    return false
  }

  /** Files that no cgroup of the last pass had; none when there were no cgroups. */
  absent(cgroups: number): string[] {
    if (cgroups === 0) return []
    return [...this.#missing].filter(([, { count }]) => count >= cgroups).map(([file]) => file)
  }

  /** Creates the instruments; returns what observes them. */
  register(meter: Meter) {
    const { measurements: m, observables } = createInstruments(meter, FILE_METRICS)
    const observe = (result: BatchObservableResult) => {
      for (const { entity, count } of this.#missing.values()) {
        m.missing.observe(result, entity, count)
      }
      for (const { entity, count } of this.#errors.values()) {
        m.errors.observe(result, entity, count)
      }
    }
    return { observe, observables }
  }
}
