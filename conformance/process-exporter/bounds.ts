/**
 * Between which values a correct program's sums over a group lie, in each scrape.
 *
 * All counters of a process only rise. So what a program reads of it in a scrape lies between what the kernel says
 * of it before and after the scrape, whatever the moment. Of a process that starts or ends meanwhile it may have
 * seen nothing; then the reading of the scrape before stands.
 */
import { KERNEL_VALUES } from './kernel-values.ts'

export interface Range {
  least: number
  most: number
}

/** One process of the crowd, as far as its bounds are concerned. */
export class Bounds {
  #before: readonly number[] | undefined
  readonly #ranges: Range[] = KERNEL_VALUES.map(() => ({ least: 0, most: 0 }))

  /** @param values undefined when the process need not be seen in the scrape that begins. */
  beginScrape(values: readonly number[] | undefined): void {
    this.#before = values
  }

  /**
   * @param values the most that could be seen in the scrape that ends; undefined when nothing could.
   * @param isThere whether it has been there from the beginning to the end of it.
   */
  endScrape(values: readonly number[] | undefined, isThere: boolean): void {
    const before = isThere ? this.#before : undefined
    for (const [index, range] of this.#ranges.entries()) {
      if (KERNEL_VALUES[index].isHeld) this.#hold(range, values?.[index] ?? 0, before?.[index] ?? 0)
      else {
        range.least = before?.[index] ?? range.least
        range.most = values?.[index] ?? range.most
      }
    }
    this.#before = undefined
  }

  /** Whether no program can have seen it. */
  get isUnseen(): boolean {
    return this.#ranges.every(({ most }) => most === 0)
  }

  addTo(sums: readonly Range[]): void {
    for (const [index, { least, most }] of this.#ranges.entries()) {
      sums[index].least += least
      sums[index].most += most
    }
  }

  /** What is held may have become less. */
  #hold(range: Range, after: number, before: number): void {
    range.least = Math.min(before, after)
    range.most = Math.max(before, after)
  }
}
