/**
 * Imported into an agent (`--import`): at SIGUSR2 it tries from within the agent's process to write, to start programs and to reach
 * other processes, and prints what came of each, as one line of JSON: `done`, or the code of the error.
 *
 * PROBE_DIRECTORY: a directory of its own. PROBE_VICTIM: number of a process that it may end.
 */
import { spawnSync } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import koffi from 'koffi'
import { IO_URING_SETUP, REFUSED } from '../../src/kernel/seccomp/system-calls.ts'

const { PROBE_DIRECTORY: directory, PROBE_VICTIM: victim } = process.env
const { O_RDONLY, O_RDWR, O_WRONLY, O_TRUNC, O_CREAT } = fs.constants
const path = (name) => join(directory, name)
const present = path('present')
const open = (name, flags) => () => fs.closeSync(fs.openSync(path(name), flags, 0o600))

/** Changes through a descriptor that is open for reading only. */
const reading = (change) => () => {
  const descriptor = fs.openSync(present, O_RDONLY)
  try {
    change(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

const listen = async (address) => {
  const server = net.createServer().listen(address)
  await once(server, 'listening')
  server.close()
}

const connect = async (address) => {
  const socket = net.connect(address)
  socket.on('error', () => {})
  await new Promise((resolve, reject) => {
    socket.on('connect', resolve)
    socket.on('error', reject)
  })
  socket.destroy()
}

const WRITING = {
  'open for writing': open('present', O_WRONLY),
  'open for reading and writing': open('present', O_RDWR),
  'open and truncate': open('present', O_RDONLY | O_TRUNC),
  create: open('created', O_RDONLY | O_CREAT),
  truncate: () => fs.truncateSync(present, 0),
  rename: () => {
    fs.renameSync(present, path('renamed'))
    fs.renameSync(path('renamed'), present)
  },
  link: () => fs.linkSync(present, path('linked')),
  symlink: () => fs.symlinkSync(present, path('symlinked')),
  mkdir: () => fs.mkdirSync(path('made')),
  rmdir: () => fs.rmdirSync(path('empty')),
  unlink: () => fs.unlinkSync(path('superfluous')),
  chmod: () => fs.chmodSync(present, 0o600),
  fchmod: reading((descriptor) => fs.fchmodSync(descriptor, 0o600)),
  chown: () => fs.chownSync(present, process.getuid(), process.getgid()),
  fchown: reading((descriptor) => fs.fchownSync(descriptor, process.getuid(), process.getgid())),
  utimes: () => fs.utimesSync(present, 1, 1),
  futimes: reading((descriptor) => fs.futimesSync(descriptor, 1, 1)),
  'a Unix socket': () => listen(path('socket')),
  'memory of a process': () => fs.closeSync(fs.openSync(`/proc/${victim}/mem`, O_RDWR)),
  'start a program': () => {
    const { error } = spawnSync(process.execPath, ['--version'])
    if (error !== undefined) throw error
  },
  'signal a process': () => process.kill(Number(victim), 'SIGTERM'),
}

/** What must go on. */
const READING = {
  'read a file': () => fs.readFileSync(present),
  'list a directory': () => fs.readdirSync(directory),
  'resolve a name': () => lookup('localhost'),
  'connect by TCP': () => connect({ port: Number(process.env.PROBE_PORT), host: '127.0.0.1' }),
  'connect to a Unix socket': () => connect(path('listening')),
  'start a thread': () => once(new Worker('', { eval: true }), 'exit'),
  'signal itself': () => process.kill(process.pid, 0),
}

async function outcomes(attempts) {
  const results = {}
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt()
      results[name] = 'done'
    } catch (error) {
      results[name] = error.code ?? error.message
    }
  }
  return results
}

/** Errors of all system calls that are refused, made without a right argument, and of some that the tables don't have. */
function systemCalls() {
  const call = koffi.load('libc.so.6').func('syscall', 'long', Array(5).fill('long'))
  const codes = {}
  const others = { io_uring_setup: IO_URING_SETUP, clone3: 435, openat2: 437, unknown: 600 }
  const refused = Object.entries(REFUSED).map(([name, numbers]) => [name, numbers[process.arch]])
  for (const [name, number] of [...refused, ...Object.entries(others)]) {
    if (number === undefined) continue
    codes[name] = call(number, -1, -1, -1, -1) >= 0 ? 'done' : koffi.errno()
  }
  return codes
}

process.on('SIGUSR2', async () => {
  const isFiltered = /^Seccomp:\s*2$/m.test(fs.readFileSync('/proc/self/status', 'utf8'))
  const results = {
    reading: await outcomes(READING),
    writing: await outcomes(WRITING),
    // Without a filter some of them would end this process.
    calls: isFiltered ? systemCalls() : {},
  }
  process.stdout.write(`probed ${JSON.stringify(results)}\n`)
})
