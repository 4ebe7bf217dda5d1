/** The agent's server, with and without TLS, among clients that do everything wrong. */
import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { pino } from 'pino'
import { startAgent } from '../../src/agent/agent.ts'
import { parseCommandLine } from '../../src/config/command-line.ts'
import { loadConfig } from '../../src/config/load.ts'
import { makeCertificates } from '../../test/support/certificates.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'
import { require } from '../check.ts'
import type { Scope } from '../support/children.ts'
import { getOnce } from '../support/http.ts'
import { Dice } from '../support/random.ts'
import type { Area } from './area.ts'
import { hostileClient, type Meeting, type Target } from './hostile-clients.ts'
import { readPage } from './page.ts'

const AT_ONCE = 50
const PROCESSES = 20
/** Short, so that slow clients end soon. */
const LIMITS = [
  '--web.max-connections=40',
  '--web.max-request-size=4KiB',
  '--web.request-timeout=500ms',
  '--web.response-timeout=500ms',
]
/** What a server says of clients, not of itself. */
const STATUS = /^HTTP\/1\.1 (?:100|200|400|404|405|408|413|414|417|426|431|503) /
const MAX_GROWTH = 64 * 1024 * 1024
/** Milliseconds in which everything of clients that have left is given back. */
const PATIENCE = 20_000

export const CLIENTS: Area = {
  name: 'clients',
  share: 0.05,
  casesOfSeed: AT_ONCE,
  async open(scope, watch) {
    const targets = await startAgents(scope)
    const before = openDescriptors()
    let settledMemory: number | undefined
    return async (seed) => {
      const dice = new Dice(seed)
      const clients = Array.from({ length: AT_ONCE }, () =>
        hostileClient(new Dice(dice.integer(0, 2 ** 31)), dice.pick(targets)),
      )
      await watch.over(() => Promise.all(clients.map(meetOne)))
      await untilGivenBack(before)
      for (const target of targets) await scrape(target)
      const memory = usedMemory()
      settledMemory ??= memory
      const growth = memory - settledMemory
      require(growth <= MAX_GROWTH, `${growth} bytes of memory are kept`)
    }
  },
}

/** The agent as it is, on a small node. */
async function startAgents(scope: Scope): Promise<Target[]> {
  const certificates = makeCertificates({ teardown: (end) => scope.onEnd(() => void end()) })
  const secure = certificates && [
    `--web.cert-file=${certificates.certificate}`,
    `--web.key-file=${certificates.key}`,
  ]
  const tree = new ProcfsTree()
  scope.onEnd(() => tree.dispose())
  for (let pid = 1; pid <= PROCESSES; pid++) tree.set(pid, { comm: `p${pid}` })
  const all = [LIMITS, ...(secure === undefined ? [] : [[...LIMITS, ...secure]])]
  return Promise.all(all.map((flags) => start(scope, tree.root, flags)))
}

async function start(scope: Scope, root: string, flags: readonly string[]): Promise<Target> {
  const commandLine = parseCommandLine([
    '--exporters=prometheus',
    '--prometheus.host=127.0.0.1',
    '--prometheus.port=0',
    '--workloads.sources=none',
    '--cgroups.enabled=false',
    '--kubevirt.enabled=false',
    `--procfs.root=${root}`,
    ...flags,
  ])
  const { config } = loadConfig({ file: undefined, flags: commandLine.flags, environment: {} })
  const agent = await startAgent(config, 'test', pino({ level: 'silent' }))
  scope.onEnd(() => agent.stop(1000))
  const { protocol, port } = new URL(agent.url ?? '')
  return { port: Number(port), isSecure: protocol === 'https:' }
}

async function meetOne(client: () => Promise<Meeting>): Promise<void> {
  const { sent, received, isSettled } = await client()
  const shown = JSON.stringify(sent.toString('latin1', 0, 500))
  require(isSettled, `a client is neither answered nor cut off that has sent ${shown}`)
  // TLS answers with an alert, if at all.
  const isAnswer = received.startsWith('HTTP')
  require(!isAnswer ||
    STATUS.test(received), `${JSON.stringify(received.slice(0, 200))} is the answer to ${shown}`)
}

async function untilGivenBack(before: number): Promise<void> {
  const deadline = performance.now() + PATIENCE
  while (openDescriptors() > before) {
    require(performance.now() < deadline, `${openDescriptors() - before} descriptors are kept`)
    await delay(10)
  }
}

/** @throws Error when a client that does everything right is not served as always. */
async function scrape(target: Target): Promise<void> {
  const scheme = target.isSecure ? 'https' : 'http'
  const { status, body } = await getOnce(`${scheme}://127.0.0.1:${target.port}/metrics`)
  require(status === 200, `after all this a scrape is answered ${status}: ${body.slice(0, 200)}`)
  const groups = readPage(body).samples.filter(
    ({ name }) => name === 'namedprocess_namegroup_num_procs',
  )
  require(groups.length > 0, 'after all this there are no groups')
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function usedMemory(): number {
  collectGarbage()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}
