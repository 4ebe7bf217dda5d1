/** Usage of this process, from `/proc/self`: the same wherever the procfs of the node is mounted. */
import { readdirSync, readFileSync, statSync } from 'node:fs'

/** Memory of this process. */
export interface OwnMemory {
  /** Bytes. */
  readonly virtual: number
  readonly resident: number
}

/**
 * Memory of this process, from `/proc/self/statm`.
 *
 * @param pageSize bytes in a page.
 */
export function ownMemory(pageSize: number): OwnMemory {
  const [virtual, resident] = readFileSync('/proc/self/statm', 'latin1').split(' ').map(Number)
  return { virtual: virtual * pageSize, resident: resident * pageSize }
}

/** Number of open file descriptors. */
export function ownDescriptors(): number {
  // Since Linux 6.2 the size is their number. Before it is 0; then they are listed, by one more that is open for it.
  const { size } = statSync('/proc/self/fd')
  return size > 0 ? size : readdirSync('/proc/self/fd').length - 1
}
