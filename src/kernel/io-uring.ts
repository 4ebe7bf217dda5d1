/** Whether this process uses io_uring. */
import { readdirSync, readlinkSync } from 'node:fs'

/** Whether this process has an io_uring, as libuv makes one where the kernel allows and UV_USE_IO_URING is not 0. */
export function usesIoUring(): boolean {
  return readdirSync('/proc/self/fd').some((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`) === 'anon_inode:[io_uring]'
    } catch {
      // The descriptor of the directory itself.
      return false
    }
  })
}
