/** The dashboards as files of the components that deploy them; run, it writes them (`npm run docs`). */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { agent } from './agent.ts'
import { completeSpec, type DashboardNaming, type Topic } from './common.ts'
import { containers } from './containers.ts'
import { dashboard } from './grafana.ts'
import { perf } from './perf.ts'
import { processGroups } from './process-groups.ts'

export interface DashboardFile {
  readonly naming: DashboardNaming
  readonly path: string
  readonly text: string
}

const COMPONENTS = fileURLToPath(new URL('../../components', import.meta.url))
/** Kustomize takes files of its own directory only. */
export const DIRECTORIES: Readonly<Record<DashboardNaming, string>> = {
  classic: join(COMPONENTS, 'dashboards'),
  otel: join(COMPONENTS, 'dashboards-otel'),
}
const TOPICS: Readonly<Record<string, (naming: DashboardNaming) => Topic>> = {
  'process-groups': processGroups,
  containers,
  perf,
  agent,
}

if (import.meta.main) {
  for (const { path, text } of dashboardFiles()) writeFileSync(path, text)
}

export function dashboardFiles(): DashboardFile[] {
  return Object.entries(TOPICS).flatMap(([name, topic]) =>
    (Object.keys(DIRECTORIES) as DashboardNaming[]).map((naming) => {
      const content = dashboard(completeSpec(name, naming, topic(naming)))
      const path = join(DIRECTORIES[naming], `${name}.json`)
      return { naming, path, text: `${JSON.stringify(content, undefined, 1)}\n` }
    }),
  )
}
