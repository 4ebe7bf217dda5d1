/**
 * A process that locks its memory map until a file system answers: it takes away a mapping of a file, which is written
 * back first, while the lock is held for writing (mmap(2), MAP_FIXED).
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import koffi from 'koffi'

const SIZE = 4096
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MAP_PRIVATE = 2
const MAP_FIXED = 0x10
const MAP_ANONYMOUS = 0x20
const STDOUT = 1

const mmap = koffi
  .load(null)
  .func('void *mmap(void *address, size_t length, int prot, int flags, int fd, int64_t offset)')

const file = openSync(process.argv[2], 'r+')
const mapping: unknown = mmap(null, SIZE, PROT_READ_WRITE, MAP_SHARED, file, 0)
closeSync(file)
koffi.encode(mapping, 'uint8_t', 1)
writeSync(STDOUT, 'mapped\n')
mmap(mapping, SIZE, PROT_READ_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
