/** The real process-exporter on a procfs tree. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { freePort } from '../../test/support/free-port.ts'
import type { GroupOptions } from '../../test/support/process-groups.ts'
import type { Scope } from '../support/children.ts'
import { get, untilReady } from '../support/http.ts'
import { needPackage } from '../support/packages.ts'

const PROGRAM = 'prometheus-process-exporter'

export const needExporter = () => needPackage(PROGRAM, PROGRAM)

export type ExporterOptions = Required<
  Pick<GroupOptions, 'rules' | 'children' | 'threads' | 'smaps' | 'recheck'>
>

export interface Exporter {
  scrape(): Promise<Sample[]>
}

/** Starts it; once it answers it has looked at the tree once. */
export async function startExporter(
  scope: Scope,
  root: string,
  { rules, children, threads, smaps, recheck }: ExporterOptions,
): Promise<Exporter> {
  const file = join(scope.directory(), 'rules.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ process_names: rules }))
  const address = `127.0.0.1:${await freePort()}`
  scope.spawn(PROGRAM, [
    `-config.path=${file}`,
    `-procfs=${root}`,
    `-children=${children}`,
    `-threads=${threads}`,
    `-gather-smaps=${smaps}`,
    `-recheck=${recheck}`,
    `-web.listen-address=${address}`,
  ])
  await untilReady(`http://${address}/`)
  return { scrape: async () => parseSamples(await get(`http://${address}/metrics`)) }
}
