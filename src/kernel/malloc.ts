/**
 * Memory that malloc(3) keeps: mallopt(3), malloc_trim(3). By koffi, which is loaded when it is needed.
 *
 * glibc raises by itself, up to 64 MiB, how much free memory it keeps, and from which size on memory is mapped for one buffer
 * alone. Buffers that live for one push or one answer so leave holes that are never returned.
 */

const M_TRIM_THRESHOLD = -1
/** glibc's own beginning; once it is set, glibc leaves it and the size of mapped buffers as they are. */
const TRIM_BYTES = 128 * 1024

/** The heap of malloc. */
export interface Malloc {
  /** Returns free pages to the kernel. */
  trim(): void
}

/**
 * Makes malloc return what is free at the end of its heap, and map large buffers by themselves.
 *
 * @returns undefined where koffi is missing, or the C library is not glibc.
 */
export async function limitMalloc(): Promise<Malloc | undefined> {
  try {
    const { default: koffi } = await import('koffi')
    const library = koffi.load('libc.so.6')
    const mallopt = library.func('mallopt', 'int', ['int', 'int'])
    const trim = library.func('malloc_trim', 'int', ['size_t'])
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES)
    return { trim: () => trim(0) }
  } catch {
    return undefined
  }
}
