// Tries to write wherever a mount of the pod leads, to connect to the runtime, and to reach other processes and their files. Prints
// what it could do, as JSON. Nothing that it makes stays. It runs twice: as a program that is started in the agent's container, and in
// the agent's own process, into which NODE_OPTIONS imports it, once the agent has started.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'

/** What every container has for itself: devices, its own procfs, and the file of names that the kubelet writes. */
const OWN = /^\/(?:dev|proc|etc\/hosts$)(?:\/|$)/
const MOST_FILES = 5000
const NAME = `probe-${process.pid}`
const SOCKETS = ['run/containerd/containerd.sock', 'run/crio/crio.sock', 'run/docker.sock']

/** The user and the capabilities of the agent, where it is the container's first process and has become another user. */
function becomeAgent() {
  const status = fs.readFileSync('/proc/1/status', 'utf8')
  const isAgent = fs.readFileSync('/proc/1/cmdline', 'utf8').includes('/app/dist/main.js')
  const field = (name) => new RegExp(`^${name}:\\s*(\\w+)`, 'm').exec(status)[1]
  const [uid, gid] = [Number(field('Uid')), Number(field('Gid'))]
  if (!isAgent || uid === process.getuid()) return
  const libc = createRequire('/app/')('koffi').load('libc.so.6')
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x20080522)
  const mask = BigInt(`0x${field('CapEff')}`)
  const sets = Buffer.alloc(24)
  for (const [word, at] of [
    [Number(mask & 0xffffffffn), 0],
    [Number(mask >> 32n), 12],
  ]) {
    sets.writeUInt32LE(word, at)
    sets.writeUInt32LE(word, at + 4)
  }
  libc.func('int prctl(int, ulong, ulong, ulong, ulong)')(8, 1, 0, 0, 0) // PR_SET_KEEPCAPS
  process.setgroups([gid])
  process.setgid(gid)
  process.setuid(uid)
  if (libc.func('int capset(void *, void *)')(header, sets) !== 0) throw new Error('capset')
}

function attempt(action) {
  try {
    action()
    return true
  } catch {
    return false
  }
}

const canOpen = (path) =>
  attempt(() => fs.closeSync(fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK)))

const canCreate = (directory) => {
  const path = `${directory.replace(/\/$/, '')}/${NAME}`
  const made = attempt(() => fs.mkdirSync(path))
  if (made) attempt(() => fs.rmdirSync(path))
  return made
}

/** Files and directories of one file system, nearest first. */
function* walk(root, device) {
  const queue = [root]
  let seen = 0
  let status
  for (const path of queue) {
    let names = []
    attempt(() => (names = fs.readdirSync(path)))
    for (const name of names) {
      const child = `${path.replace(/\/$/, '')}/${name}`
      if (++seen > MOST_FILES) return
      // What is mounted below is looked at by itself.
      if (!attempt(() => (status = fs.lstatSync(child))) || status.dev !== device) continue
      if (status.isDirectory()) queue.push(child)
      if (status.isDirectory() || status.isFile()) {
        yield { path: child, isDirectory: status.isDirectory(), mode: status.mode }
      }
    }
  }
}

function writableMounts() {
  const lines = fs.readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n')
  const points = [...new Set(lines.map((line) => line.split(' ')[4]))]
  const writable = []
  for (const point of points) {
    if (OWN.test(point)) continue
    let status
    if (!attempt(() => (status = fs.statSync(point)))) continue
    if (!status.isDirectory()) {
      if (canOpen(point)) writable.push(point)
      continue
    }
    if (canCreate(point)) writable.push(point)
    for (const { path, isDirectory } of walk(point, status.dev)) {
      if (!(isDirectory ? canCreate(path) : canOpen(path))) continue
      writable.push(path)
      break
    }
  }
  return writable
}

/** The mount namespace of a process, if this one may know it. */
function namespaceOf(directory) {
  let name
  attempt(() => (name = fs.readlinkSync(`${directory}/ns/mnt`)))
  return name
}

/** What can be written below a root although it is not open to everyone. */
function closedFiles(root) {
  let status
  if (!attempt(() => (status = fs.statSync(`${root}/`)))) return []
  const found = (status.mode & 2) === 0 && canCreate(`${root}/`) ? [root] : []
  for (const { path, isDirectory, mode } of walk(`${root}/`, status.dev)) {
    if ((mode & 2) === 0 && (isDirectory ? canCreate(path) : canOpen(path))) found.push(path)
    if (found.length > 2) break
  }
  return found
}

function processRoots() {
  const proc = fs.existsSync('/host/proc') ? '/host/proc' : '/proc'
  const roots = { tried: 0, reached: 0, written: 0, closed: [] }
  const namespaces = new Set()
  for (const pid of fs.readdirSync(proc).filter((name) => /^\d+$/.test(name))) {
    const root = `${proc}/${pid}/root`
    // The agent and this probe: their root is the container's own.
    if (namespaceOf(`${proc}/${pid}`) === namespaceOf('/proc/self')) continue
    roots.tried++
    if (attempt(() => fs.statSync(`${root}/`))) roots.reached++
    const isWritten = ['', '/tmp', '/dev/shm'].some((directory) => canCreate(root + directory))
    if (isWritten || ['/etc/passwd', '/etc/hostname'].some((file) => canOpen(root + file)))
      roots.written++
    // Root writes everywhere.
    const namespace = namespaceOf(`${proc}/${pid}`)
    if (process.getuid() === 0 || namespace === undefined || namespaces.has(namespace)) continue
    namespaces.add(namespace)
    roots.closed.push(...closedFiles(root))
  }
  return roots
}

const connect = (path) =>
  new Promise((resolve) => {
    const socket = net.connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve('connected')
    })
    socket.on('error', ({ code }) => resolve(code))
  })

/** How many processes in its own PID namespace it can signal; SIGCONT changes nothing for one that goes on. */
function signalled() {
  const pids = fs.readdirSync('/proc').map(Number)
  return pids.filter(
    (pid) => pid > 0 && pid !== process.pid && attempt(() => process.kill(pid, 'SIGCONT')),
  ).length
}

async function probe() {
  const sockets = {}
  for (const prefix of ['/', '/host/proc/1/root/']) {
    for (const path of SOCKETS) sockets[prefix + path] = await connect(prefix + path)
  }
  const [, groups = ''] = /^Groups:[ \t]*(.*)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))
  return JSON.stringify({
    own: { uid: process.getuid(), gid: process.getgid(), groups: groups.trim() },
    writable: writableMounts(),
    roots: processRoots(),
    sockets,
    startsPrograms: spawnSync(process.execPath, ['--version']).error === undefined,
    signalled: signalled(),
  })
}

const [, program = '', word = ''] = process.argv
if (import.meta.url.startsWith('data:')) {
  // Neither in other programs of the container nor in an agent that only pins an iterator.
  if (program === '/app/dist/main.js' && word.startsWith('-')) probeOnceStarted()
} else {
  becomeAgent()
  process.stdout.write(await probe())
}

function probeOnceStarted() {
  const { stdout } = process
  const write = stdout.write.bind(stdout)
  stdout.write = (text, ...rest) => {
    if (String(text).includes('"msg":"started"')) {
      setTimeout(async () => write(`probed ${await probe()}\n`), 200)
    }
    return write(text, ...rest)
  }
}
