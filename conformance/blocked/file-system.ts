/** A file system that stops answering, and a process whose memory map it locks. */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Scope } from '../support/children.ts'
import { MissingPeer } from '../support/packages.ts'

const SERVER = fileURLToPath(new URL('fuse.ts', import.meta.url))
const LOCKER = fileURLToPath(new URL('lock-map.py', import.meta.url))
const DEVICE = '/dev/fuse'
const OPTIONS = 'fd=3,rootmode=40000,user_id=0,group_id=0'
const PYTHON = '/usr/bin/python3'
/** Where the kernel waits for a page to be written. */
const WAITS = /^folio_wait|^wait_on_page|^io_schedule/

export interface SilentFile {
  readonly file: string
  /** Ends the file system. */
  readonly end: () => void
}

/**
 * Mounts the file system; ending its server lets all that wait for it go on.
 *
 * @returns its file.
 * @throws MissingPeer where it can't be mounted.
 */
export async function mountSilent(scope: Scope): Promise<SilentFile> {
  if (process.getuid?.() !== 0) throw new MissingPeer('only root can mount a file system')
  if (!existsSync(DEVICE)) throw new MissingPeer('this kernel has no FUSE')
  const directory = scope.directory()
  const device = openSync(DEVICE, 'r+')
  const stdio = ['ignore', 'ignore', 'pipe', device] as const
  const mounted = spawnSync('mount', ['-i', '-t', 'fuse', '-o', OPTIONS, 'silent', directory], {
    stdio: [...stdio],
  })
  if (mounted.status !== 0) throw new MissingPeer(`mount: ${mounted.stderr}`)
  scope.onEnd(() => {
    spawnSync('umount', ['-l', directory])
  })
  const server = scope.spawn(process.execPath, [SERVER], { stdio: [...stdio] })
  closeSync(device)
  const end = () => {
    server.kill('SIGKILL')
  }
  return { file: join(directory, 'file'), end }
}

export interface Locked {
  readonly pid: number
  /** Its child, in the middle of an execve(2). */
  readonly child: number
}

/** Starts a process that locks its memory map until the file system answers, and waits until it has. */
export async function lockMap(scope: Scope, { file, end }: SilentFile): Promise<Locked> {
  if (!existsSync(PYTHON)) throw new MissingPeer('there is no Python')
  const locked = scope.spawn(PYTHON, [LOCKER, file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  // Until then nothing ends the process, not even SIGKILL.
  scope.onEnd(end)
  const pid = locked.pid as number
  for (;;) {
    await delay(20)
    const child = childrenOf(pid).find(isUninterruptible)
    if (child === undefined || !isLocked(pid)) continue
    scope.onEnd(() => {
      process.kill(child, 'SIGKILL')
    })
    return { pid, child }
  }
}

function isLocked(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).some((tid) =>
    WAITS.test(readFileSync(`/proc/${pid}/task/${tid}/wchan`, 'latin1')),
  )
}

function childrenOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap(
    (tid) => readFileSync(`/proc/${pid}/task/${tid}/children`, 'latin1').match(/\d+/g) ?? [],
  )
  return children.map(Number)
}

/** By `status`: `stat` would block. */
function isUninterruptible(pid: number): boolean {
  return /^State:\tD/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
}
