/**
 * Loads a light skeleton (bpftool-gen(8), `-L`): a loader program that the kernel runs creates the maps and programs, and
 * relocates what they read to the running kernel's types. No library has to be there.
 */
import { closeSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { systemCallError } from '../errors.ts'
import { type Bpf, BpfCommand, MAX_TRIES } from './syscall.ts'

/** What was loaded; descriptors, by the names in the source. */
export interface LoadedProgram {
  readonly maps: ReadonlyMap<string, number>
  readonly programs: ReadonlyMap<string, number>
}

/** The first line of a skeleton file. */
interface Description {
  readonly maps: readonly string[]
  readonly programs: readonly string[]
  /** First contents of maps, by name, in base64. */
  readonly contents: Readonly<Record<string, string>>
  /** Bytes of the loader's data; the rest are its instructions. */
  readonly data: number
}

const MAP_TYPE_ARRAY = 2
const PROGRAM_TYPE_SYSCALL = 31
const FLAG_SLEEPABLE = 16
// struct bpf_loader_ctx, bpf_map_desc and bpf_prog_desc (tools/lib/bpf/skel_internal.h).
const CONTEXT_BYTES = 24
const MAP_BYTES = 16
const PROGRAM_BYTES = 4
const INSTRUCTION_BYTES = 8
const PAGE_BYTES = 4096
const EAGAIN = constants.errno.EAGAIN

/**
 * Loads the maps and programs of a light skeleton into the kernel.
 *
 * @param file of the skeleton, as programs/build.mjs writes it.
 * @param contents that replace the first contents of maps, by name.
 * @param entries that replace how many entries maps have at most, by name.
 * @throws NodeJS.ErrnoException when the kernel refuses: EPERM without CAP_BPF and CAP_PERFMON, or where a seccomp filter
 *   or lockdown forbids it; ENOENT and the like where the kernel has no BTF, or lacks what the program reads.
 */
export function loadSkeleton(
  bpf: Bpf,
  file: URL,
  contents: ReadonlyMap<string, Buffer> = new Map(),
  entries: ReadonlyMap<string, number> = new Map(),
): LoadedProgram {
  const bytes = readFileSync(file)
  const end = bytes.indexOf('\n')
  const description = JSON.parse(bytes.toString('utf8', 0, end)) as Description
  const data = bytes.subarray(end + 1, end + 1 + description.data)
  const instructions = bytes.subarray(end + 1 + description.data)
  const { maps, programs } = description
  const programsAt = CONTEXT_BYTES + maps.length * MAP_BYTES
  const context = Buffer.alloc(programsAt + programs.length * PROGRAM_BYTES)
  context.writeUInt32LE(context.length, 0)
  for (const [index, name] of maps.entries()) {
    context.writeUInt32LE(entries.get(name) ?? 0, CONTEXT_BYTES + index * MAP_BYTES + 4)
  }
  const pages = maps.map((name) => firstContents(description, name, contents.get(name)))
  for (const [index, page] of pages.entries()) {
    if (page === undefined) continue
    context.writeBigUInt64LE(bpf.address(page), CONTEXT_BYTES + index * MAP_BYTES + 8)
  }
  runLoader(bpf, data, instructions, context)
  const descriptor = (offset: number) => context.readInt32LE(offset)
  return {
    maps: new Map(maps.map((name, i) => [name, descriptor(CONTEXT_BYTES + i * MAP_BYTES)])),
    programs: new Map(
      programs.map((name, i) => [name, descriptor(programsAt + i * PROGRAM_BYTES)]),
    ),
  }
}

/** Closes the descriptors of all maps and programs: the kernel unloads what nothing else uses. */
export function closeProgram({ maps, programs }: LoadedProgram): void {
  for (const descriptor of [...maps.values(), ...programs.values()]) closeSync(descriptor)
}

function firstContents(
  description: Description,
  name: string,
  instead: Buffer | undefined,
): Buffer | undefined {
  const encoded = description.contents[name]
  if (encoded === undefined) return undefined
  const page = Buffer.alloc(PAGE_BYTES)
  page.set(instead ?? Buffer.from(encoded, 'base64'))
  return page
}

function runLoader(bpf: Bpf, data: Buffer, instructions: Buffer, context: Buffer): void {
  const opened: number[] = []
  const open = (command: number, size: number, fields: Parameters<Bpf['call']>[2]): number => {
    const { result } = bpf.call(command, size, fields)
    opened.push(result)
    return result
  }
  try {
    const map = open(BpfCommand.mapCreate, 72, [
      [0, 4, MAP_TYPE_ARRAY],
      [4, 4, 4],
      [8, 4, data.length],
      [12, 4, 1],
    ])
    const key = Buffer.alloc(4)
    bpf.call(BpfCommand.mapUpdate, 32, [
      [0, 4, map],
      [8, 8, key],
      [16, 8, Buffer.from(data)],
    ])
    const maps = Buffer.alloc(4)
    maps.writeInt32LE(map)
    const program = open(BpfCommand.programLoad, 128, [
      [0, 4, PROGRAM_TYPE_SYSCALL],
      [4, 4, instructions.length / INSTRUCTION_BYTES],
      [8, 8, Buffer.from(instructions)],
      [16, 8, LICENSE],
      [44, 4, FLAG_SLEEPABLE],
      [120, 8, maps],
    ])
    const run = () =>
      bpf
        .call(BpfCommand.programRun, 80, [
          [0, 4, program],
          [40, 4, context.length],
          [48, 8, context],
        ])
        .attributes.readInt32LE(4)
    let status = run()
    // A signal interrupts the verifier.
    for (let tries = 1; status === -EAGAIN && tries < MAX_TRIES; tries++) status = run()
    if (status < 0) {
      throw systemCallError('bpf', -status, 'the kernel takes no BPF program of the agent')
    }
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
}

const LICENSE = Buffer.from('Dual BSD/GPL\0')
