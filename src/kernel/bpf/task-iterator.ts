/** Opens the iterator over all tasks: the agent's own, or one that is pinned in a bpffs. */
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { closeProgram, type LoadedProgram, loadSkeleton } from './skeleton.ts'
import { type Bpf, BpfCommand, loadBpf } from './syscall.ts'
import type { TaskRecords } from './task-records.ts'

/** What the task iterator reports of each task. */
export interface TaskIteratorOptions {
  /** Whether there is a record for each thread, not for leaders only. */
  readonly threads: boolean
  /** Whether there is the kernel function in which a task sleeps. */
  readonly wchan: boolean
}

const SKELETON = new URL('./tasks.skel', import.meta.url)
const PROGRAM = 'dump_tasks'
const ATTACH_TRACE_ITER = 28
const WANT_THREADS = 1
const WANT_WCHAN = 2
/** The kernel fills no more at once. */
const CHUNK_BYTES = 32 * 1024
const BPF_FS_MAGIC = 0xcafe4a11
/** By the user and the group that have pinned it. */
const READABLE = 0o440

/** Gives all tasks, again and again. */
export interface TaskIterator {
  /**
   * Begins a pass over all tasks.
   *
   * @throws NodeJS.ErrnoException when the iterator is gone.
   */
  begin(): TaskPass
  close(): void
}

/** One pass over all tasks. */
export interface TaskPass {
  /**
   * Adds the next records, whole ones; false at the end.
   *
   * @throws NodeJS.ErrnoException
   */
  read(records: TaskRecords): boolean
  close(): void
}

class FileIterator implements TaskIterator {
  readonly #open: () => number
  readonly #close: () => void

  /**
   * @param open gives a descriptor for one pass.
   * @param close frees what `open` needs.
   */
  constructor(open: () => number, close: () => void = () => {}) {
    this.#open = open
    this.#close = close
  }

  begin(): TaskPass {
    return new FilePass(this.#open())
  }

  close(): void {
    this.#close()
  }
}

/** Each reading empties one buffer of the kernel, which holds whole records. */
class FilePass implements TaskPass {
  readonly #descriptor: number

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  read(records: TaskRecords): boolean {
    const length = readSync(this.#descriptor, records.room(CHUNK_BYTES), 0, CHUNK_BYTES, null)
    records.length += length
    return length > 0
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

/**
 * Loads the program.
 *
 * @throws Error without koffi; NodeJS.ErrnoException as loadSkeleton does.
 */
export async function loadTaskIterator(options: TaskIteratorOptions): Promise<TaskIterator> {
  const bpf = await loadBpf()
  const { program, link } = linkTasks(bpf, options)
  const open = () => bpf.call(BpfCommand.iteratorCreate, 8, [[0, 4, link]]).result
  return new FileIterator(open, () => {
    closeSync(link)
    closeProgram(program)
  })
}

/** Opens a pinned iterator; it needs no right but that to read the file. */
export function pinnedTaskIterator(path: string): TaskIterator {
  return new FileIterator(() => openSync(path, 'r'))
}

/**
 * Loads the program and pins its iterator, in the place of one that is pinned there. The file belongs to the user and the
 * group of this process, and readable by that user and group only.
 *
 * @param path in a bpffs; its directory is made where it is missing.
 * @throws Error when it is in no bpffs; NodeJS.ErrnoException as loadSkeleton does.
 */
export async function pinTaskIterator(path: string, options: TaskIteratorOptions): Promise<void> {
  const directory = dirname(path)
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  if (statfsSync(directory).type !== BPF_FS_MAGIC) {
    throw new Error(`${directory} is in no bpffs: mount one there (mount -t bpf bpf ${directory})`)
  }
  const bpf = await loadBpf()
  const { program, link } = linkTasks(bpf, options)
  // A bpffs takes no names with a dot.
  const fresh = `${path}-new`
  try {
    rmSync(fresh, { force: true })
    bpf.call(BpfCommand.pin, 16, [
      [0, 8, Buffer.from(`${fresh}\0`)],
      [8, 4, link],
    ])
    chmodSync(fresh, READABLE)
    renameSync(fresh, path)
  } finally {
    closeSync(link)
    closeProgram(program)
  }
}

function linkTasks(
  bpf: Bpf,
  { threads, wchan }: TaskIteratorOptions,
): { program: LoadedProgram; link: number } {
  const want = Buffer.alloc(4)
  want.writeUInt32LE((threads ? WANT_THREADS : 0) | (wchan ? WANT_WCHAN : 0))
  const program = loadSkeleton(bpf, SKELETON, new Map([['bss', want]]))
  try {
    const { result: link } = bpf.call(BpfCommand.linkCreate, 48, [
      [0, 4, program.programs.get(PROGRAM) as number],
      [8, 4, ATTACH_TRACE_ITER],
    ])
    return { program, link }
  } catch (error) {
    closeProgram(program)
    throw error
  }
}
