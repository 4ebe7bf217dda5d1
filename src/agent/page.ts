/** What the page and its API show of the agent: its own state, and explanations. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { explainProcess } from '../collectors/process-groups/classify/explain.ts'
import type { Config } from '../config/config.ts'
import type { Members } from '../entities/group-members.ts'
import type { ExportCounts } from '../telemetry/otlp/export-counts.ts'
import type { Sampler } from '../telemetry/sampler.ts'
import type { ApiSources, ExplainAnswer } from '../web/api/api.ts'
import type { Protection } from '../web/server.ts'
import type { Collection } from './collection.ts'
import { cpuTime } from './cpu-time.ts'
import { explainSources } from './explain-sources.ts'
import { openProcfs } from './procfs.ts'

/** The parts of the agent that the page shows. */
export interface PageParts {
  readonly config: Config
  readonly version: string
  readonly exports: () => ExportCounts | undefined
  readonly protection: (() => Protection) | undefined
  readonly collection: Collection
}

/** Members of a group that are named in an answer. */
const MAX_MEMBERS = 100

/** The sources of the page's API. */
export function apiSources(parts: PageParts): ApiSources {
  return {
    look: () => parts.collection.recording.look(),
    agent: () => agentState(parts),
    explain: (request, query) => explainAnswer(parts, request, query),
  }
}

function agentState({ config, version, exports, collection }: PageParts) {
  const { sampler, runs, nameSources, recording } = collection
  const counts = exports()
  const { recorder } = recording
  return {
    version,
    node: process.version,
    pid: process.pid,
    uptime: process.uptime(),
    cpu: cpuTime(),
    memory: process.memoryUsage.rss(),
    collectors: [...runs.values()].map(({ name, duration, series, dropped, errors }) => ({
      name,
      duration,
      series,
      dropped,
      errors: errors.map(String),
    })),
    errors: countedErrors(sampler),
    outputs: {
      prometheus: config.exporters.includes('prometheus') ? config.prometheus.path : null,
      otlp: counts && {
        endpoint: withoutCredentials(config.otlp.endpoint),
        exported: counts.exported,
        rejected: counts.rejected,
        superseded: counts.superseded,
        skipped: counts.uncollected,
        failed: Object.fromEntries(counts.failed),
        requests: Object.fromEntries(counts.requests),
      },
    },
    nameSources: nameSources.map(({ source, counts, failure, size }) => ({
      name: source.name,
      lists: counts.lists,
      failures: counts.failures,
      containers: size,
      failure: failure?.message,
    })),
    rights: rights(config),
    recorder: recorder && {
      bytes: recorder.bytes,
      maxBytes: recorder.options.max_memory,
      interval: recorder.options.interval / 1000,
      window: recorder.options.window / 1000,
      omitted: recorder.omitted,
    },
  }
}

/** What failed so far, by reason: the counters of errors in the last snapshot. */
function countedErrors(sampler: Sampler) {
  const scopes = sampler.latest?.scopes ?? []
  return scopes.flatMap(({ metrics }) =>
    metrics
      .filter(({ descriptor }) => /\berrors$/.test(descriptor.name))
      .flatMap(({ descriptor, dataPoints }) =>
        dataPoints
          .filter(({ value }) => typeof value === 'number' && value > 0)
          .map(({ attributes, value }) => ({ metric: descriptor.name, attributes, value })),
      ),
  )
}

function withoutCredentials(endpoint = ''): string {
  return endpoint.replace(/\/\/[^/@]*@/, '//')
}

interface Right {
  readonly name: string
  readonly isThere: boolean
  /** What there is without it. */
  readonly cost: string
}

/** Bits of capabilities(7). */
const DAC_READ_SEARCH = 2n
const SYS_PTRACE = 19n
const SYS_ADMIN = 21n
const PERFMON = 38n

/** What the agent may do, of what its configuration needs. */
function rights({ perf, process_groups }: Config): Right[] {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  const capabilities = BigInt(`0x${line?.[1] ?? '0'}`)
  const has = (bit: bigint) => ((capabilities >> bit) & 1n) === 1n
  return [
    ...(process_groups.enabled
      ? [
          {
            name: 'SYS_PTRACE',
            isThere: has(SYS_PTRACE),
            cost: "no storage I/O, proportional memory, wait channels and executed files of other users' processes",
          },
          {
            name: 'DAC_READ_SEARCH',
            isThere: has(DAC_READ_SEARCH),
            cost: "no storage I/O of other users' processes; before Linux 6.2 no open files",
          },
        ]
      : []),
    ...(perf.enabled
      ? [
          {
            name: 'PERFMON',
            isThere: has(PERFMON) || has(SYS_ADMIN),
            cost: 'no perf events of cgroups',
          },
        ]
      : []),
  ]
}

/** Command lines may hold secrets: they are shown on loopback, or to authenticated clients. */
async function explainAnswer(
  parts: PageParts,
  request: IncomingMessage,
  query: URLSearchParams,
): Promise<ExplainAnswer> {
  if (!mayExplain(parts, request)) return { status: 403, body: { error: FORBIDDEN } }
  const { config, collection } = parts
  const { recording, members, rules, workloads, nameSources } = collection
  const id = query.get('id')
  const entity = id === null ? undefined : recording.find(Number(id))
  const found = entity === undefined ? [] : membersOf(members, entity.attributes)
  const pid = query.get('pid') ?? found[0]?.toString() ?? ''
  if (!/^[1-9]\d{0,9}$/.test(pid)) {
    return id === null
      ? {
          status: 400,
          body: { error: 'pid must be the number of a process, or id that of a group' },
        }
      : { status: 404, body: { error: 'the group has no process now' } }
  }
  const procfs = openProcfs(config)
  try {
    const sources = explainSources(config, { procfs, workloads, nameSources, rules })
    const { lines, isGrouped } = await explainProcess(sources, Number(pid))
    return { status: 200, body: { pid: Number(pid), isGrouped, lines, members: found } }
  } catch (error) {
    return {
      status: 404,
      body: { error: `process ${pid} can't be read: ${(error as Error).message}` },
    }
  } finally {
    procfs.close()
  }
}

const FORBIDDEN =
  'explanations show command lines: they are given on a loopback address, or to clients with a password or a certificate. On the node: otel-interrogator explain PID'

function membersOf(members: Members, attributes: object): number[] {
  const wanted = JSON.stringify(attributes)
  const found: number[] = []
  for (const { pid, group } of members.list()) {
    if (JSON.stringify(group.entity.attributes) === wanted) found.push(pid)
    if (found.length === MAX_MEMBERS) break
  }
  return found
}

function mayExplain({ config, protection }: PageParts, { headers, socket }: IncomingMessage) {
  const { users, tls } = protection?.() ?? {}
  if ((users?.size ?? 0) > 0 || tls?.clientCertificate === 'verified') return true
  // A page of elsewhere can give its own name our address, but not the name of this host.
  const name = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  const isOwnName = name === 'localhost' || isIP(name) !== 0 || name === config.prometheus.host
  return (
    isOwnName && isLoopback(socket.localAddress ?? '') && isLoopback(socket.remoteAddress ?? '')
  )
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address)
}
