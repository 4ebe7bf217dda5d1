/** The processes of the groups, for collectors that measure them by other means. */
import type { Group } from './group.ts'

export interface Member {
  readonly pid: number
  /** Of whom it was the child when it was first seen. */
  readonly ppid: number
  /** Clock ticks after boot. */
  readonly start: number
  /** Of the process in procfs. */
  readonly directory: string
  readonly group: Group
}

/** As the last collection found them; none before the first one, and none in strict mode. */
export class Members {
  #source: () => Iterable<Member> = () => []

  /** Says where they are. */
  offer(source: () => Iterable<Member>): void {
    this.#source = source
  }

  list(): Iterable<Member> {
    return this.#source()
  }
}
