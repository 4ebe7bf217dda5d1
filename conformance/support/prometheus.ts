/** A real Prometheus server, with a store of its own, on loopback. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/support/free-port.ts'
import type { Scope } from './children.ts'
import { get, untilReady } from './http.ts'

export interface Prometheus {
  readonly url: string
}

export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface PrometheusOptions {
  /** The path of a rule file. */
  readonly rules?: string
  /** Seconds between scrapes, by default one; rules are evaluated as often. */
  readonly interval?: number
}

/** Starts a server that scrapes the target. */
export function startPrometheus(
  scope: Scope,
  target: string,
  { rules, interval = 1 }: PrometheusOptions = {},
): Promise<Prometheus> {
  return start(
    scope,
    `global: { scrape_interval: ${interval}s, evaluation_interval: ${interval}s }
rule_files: ${JSON.stringify(rules === undefined ? [] : [rules])}
scrape_configs:
  - job_name: agent
    static_configs: [{ targets: ['${target}'] }]
`,
  )
}

/** Starts a server that scrapes nothing, and takes what is written to `/api/v1/write`. */
export function startRemoteStore(scope: Scope): Promise<Prometheus> {
  return start(scope, '', ['--web.enable-remote-write-receiver'])
}

async function start(
  scope: Scope,
  config: string,
  flags: readonly string[] = [],
): Promise<Prometheus> {
  const directory = scope.directory()
  const port = await freePort()
  const file = join(directory, 'prometheus.yml')
  writeFileSync(file, config)
  scope.spawn('prometheus', [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    ...flags,
  ])
  const url = `http://127.0.0.1:${port}`
  await untilReady(`${url}/-/ready`)
  return { url }
}

/** The result of an instant query. */
export async function query({ url }: Prometheus, expression: string): Promise<Series[]> {
  const parameters = new URLSearchParams({ query: expression })
  const { data } = JSON.parse(await get(`${url}/api/v1/query?${parameters}`)) as QueryAnswer
  return data.result.map(({ metric, value: [, value] }) => ({
    labels: metric,
    value: Number(value),
  }))
}

interface QueryAnswer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Record<string, string>
      readonly value: readonly [number, string]
    }[]
  }
}
