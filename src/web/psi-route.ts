/** `/psi`: the pressures of all containers now, worst first: a table for people, JSON for programs. */
import type { IncomingMessage } from 'node:http'
import { printable, printableLines } from '../lib/printable.ts'
import { type PressureOf, pressuresOf } from '../telemetry/pressures.ts'
import type { Snapshot } from '../telemetry/sampler.ts'
import { plainText, type Reply, type Route } from './reply.ts'

const COLUMNS = [
  ['cpu', 'some'],
  ['memory', 'some'],
  ['memory', 'full'],
  ['io', 'some'],
  ['io', 'full'],
] as const
const WINDOWS = ['avg10', 'avg60', 'avg300'] as const
const PERCENT = 100
const NONE = 'no pressure is read: see the log, and cgroup_file_missing on the metrics page\n'

/** The route of the pressures. */
export function psiRoute(snapshot: () => Promise<Snapshot>): Route {
  return async (request) => {
    const { scopes } = await snapshot()
    const pressures = pressuresOf(scopes)
    return wantsJson(request) ? json(pressures) : table(pressures)
  }
}

function wantsJson({ url = '', headers }: IncomingMessage): boolean {
  const format = new URL(url, 'http://localhost').searchParams.get('format')
  return format === null ? /\bjson\b/.test(headers.accept ?? '') : format === 'json'
}

function json(pressures: readonly PressureOf[]): Reply {
  // Escapes of JSON, also for the controls that JSON lets pass.
  const body = printableLines(`${JSON.stringify(pressures, null, 2)}\n`)
  return { status: 200, contentType: 'application/json; charset=utf-8', body }
}

/** Percent of the time, in the last 10, 60 and 300 seconds. */
function table(pressures: readonly PressureOf[]): Reply {
  if (pressures.length === 0) return plainText(200, NONE)
  const header = ['', ...COLUMNS.map(([resource, type]) => `${resource} ${type} 10s/1m/5m %`)]
  const rows = pressures.map((pressure) => [
    printable(nameOf(pressure)),
    ...COLUMNS.map(([resource, type]) => cell(pressure.pressures[resource]?.[type])),
  ])
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column].length)))
  const lines = all.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  )
  return plainText(200, `${lines.join('\n')}\n`)
}

function cell(line: PressureOf['pressures'][string][string] | undefined): string {
  if (line === undefined) return '-'
  const averages = WINDOWS.map((window) => line[window])
  return averages
    .map((value) => (value === undefined ? '-' : (value * PERCENT).toFixed(2)))
    .join(' ')
}

function nameOf({ subject, attributes }: PressureOf): string {
  if (subject === 'node') return 'node'
  if (subject === 'cgroup') return attributes['cgroup.path'] ?? ''
  const pod = [
    attributes['k8s.namespace.name'],
    attributes['k8s.pod.name'] ?? attributes['k8s.pod.uid'],
  ]
  const container = attributes['k8s.container.name'] ?? attributes['container.name']
  const own =
    subject === 'pod' ? undefined : (container ?? attributes['container.id']?.slice(0, 12))
  return [...pod, own].filter((part) => part !== undefined).join('/')
}
