/** Nodes to look at: a few named pods that do something, and a crowd. */
import { randomUUID } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { field, message, startCriServer } from '../../test/support/cri-server.ts'
import { intoCgroup, makeCgroup } from '../support/cgroups.ts'
import { endChild, type Scope } from '../support/children.ts'
import { writeProgram } from '../support/programs.ts'

const V1_ROOTS = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup/blkio']

/** Namespace, pod, container, image, and how much of a CPU it uses. */
const PODS = [
  ['shop', 'cart-5d8f7c9b4-x2x7k', 'redis', 'redis:7.4', 0.22],
  ['shop', 'cart-5d8f7c9b4-x2x7k', 'metrics', 'redis-exporter:1.66', 0.02],
  ['shop', 'web-7b6d9f4c8-q9wzr', 'nginx', 'nginx:1.27', 0.12],
  ['shop', 'web-7b6d9f4c8-m4t2p', 'nginx', 'nginx:1.27', 0.08],
  ['payments', 'ledger-0', 'postgres', 'postgres:17', 0.16],
  ['payments', 'api-6c5b8d7f9-h8vjn', 'api', 'payments/api:2.31', 0.05],
  ['monitoring', 'prometheus-0', 'prometheus', 'prometheus:v3.5', 0.09],
  ['kube-system', 'coredns-7c65d6cfc9-p5qmd', 'coredns', 'coredns:v1.12', 0.03],
] as const

/** Uses a part of a CPU, more in some seconds and less in others; writes to a file and reads from it, past the page cache. */
const WORK = `
import sys, time, random, os
part = float(sys.argv[1]); block = bytearray(int(float(sys.argv[1]) * 2.5e8) + 4_000_000)
file = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT | os.O_TRUNC)
while True:
    share = min(1.0, part * random.choice([0.3, 0.8, 1.0, 1.2, 2.0]))
    size = int(share * 1e6)
    os.pwrite(file, bytes(size), 0)
    os.fdatasync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.pread(file, size // 2, 0)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        start = time.thread_time(); wall = time.monotonic()
        while time.thread_time() - start < 0.05 * share: pass
        time.sleep(max(0.0, 0.05 - (time.monotonic() - wall)))
`

/** Starts pods that work; gives the socket of the runtime that knows their names. */
export async function startPods(scope: Scope): Promise<string> {
  const uids = new Map<string, string>()
  const containers: Buffer[] = []
  const sandboxes: Buffer[] = []
  const directory = scope.directory()
  for (const [index, [namespace, pod, container, image, part]] of PODS.entries()) {
    const uid = uids.get(pod) ?? randomUUID()
    const sandbox = uid.replaceAll('-', '').repeat(2)
    if (!uids.has(pod)) {
      const metadata = message(field(1, pod), field(2, uid), field(3, namespace))
      sandboxes.push(message(field(1, sandbox), field(2, metadata)))
    }
    uids.set(pod, uid)
    const id = (index + 10).toString(16).padStart(2, '0').repeat(32)
    const child = scope.spawn('/bin/bash', [
      '-c',
      'exec -a "$0" python3 -c "$1" "$2" "$3"',
      container,
      WORK,
      String(part),
      join(directory, String(index)),
    ])
    const path = `kubepods/burstable/pod${uid}/${id}`
    intoCgroup(scope, child.pid as number, path)
    // Beside hierarchies of v1, memory and storage are counted there.
    for (const root of V1_ROOTS.filter((each) => existsSync(join(each, 'cgroup.procs')))) {
      writeFileSync(join(makeCgroup(scope, path, root), 'cgroup.procs'), String(child.pid))
    }
    scope.onEnd(() => endChild(child))
    containers.push(
      message(
        field(1, id),
        field(2, sandbox),
        field(3, message(field(1, container))),
        field(4, message(field(1, image), field(18, image))),
        field(6, 1),
      ),
    )
  }
  const socket = join(scope.directory(), 'cri.sock')
  const { server } = await startCriServer(socket, {
    Version: message(field(1, '0.1.0'), field(2, 'containerd'), field(3, '2.1.0')),
    ListPodSandbox: message(...sandboxes.map((each) => field(1, each))),
    ListContainers: message(...containers.map((each) => field(1, each))),
  })
  scope.onEnd(() => server.forceShutdown())
  return socket
}

/** Starts idle processes, each of a name of its own; the first ones are in containers. */
export async function startManyGroups(
  scope: Scope,
  groups: number,
  containers: number,
): Promise<void> {
  const program = join(scope.directory(), 'idle')
  writeProgram(program, 'idle')
  const leader = scope.spawn(
    '/bin/bash',
    [
      '-c',
      'for ((i = 0; i < $1; i++)); do (exec -a "crowd-$i" "$2" "$i") & echo $!; done; wait',
      'bash',
      String(groups),
      program,
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const pids: number[] = []
  let rest = ''
  for await (const chunk of leader.stdout ?? []) {
    rest += String(chunk)
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    pids.push(...lines.map(Number))
    if (pids.length >= groups) break
  }
  scope.onEnd(() => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Its cgroup has ended it already.
      }
    }
  })
  for (let index = 0; index < containers; index++) {
    const uid = `c0ffee00-0000-4000-8000-${Math.floor(index / 2)
      .toString(16)
      .padStart(12, '0')}`
    const id = index.toString(16).padStart(64, 'c')
    intoCgroup(scope, pids[index], `kubepods/burstable/pod${uid}/${id}`)
  }
}

/** Rules that give each of them a group, and leave out whatever else this machine does. */
export const OWN_RULES = `process_names:
  - name: page-busy
    exe: [page-busy]
  - name: page-other
    exe: [page-other]
  - name: "{{.Matches.name}}"
    cmdline: ['(?s)^hostile (?P<name>.*) 100000$']
  - name: "{{.Matches.name}}"
    cmdline: ['^(?P<name>crowd-\\d+) ']
  - name: "{{.Matches.name}}"
    cmdline: ['^(?P<name>redis|metrics|nginx|postgres|api|prometheus|coredns) -c ']
`

/** The same, and a group for every other program. */
export const RULES = `${OWN_RULES}  - name: "{{.ExeBase}}"
    cmdline: ['.+']
`
