import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { DIRECTORIES, dashboardFiles } from '../deploy/generate/dashboards/files.ts'

interface Kustomization {
  readonly configMapGenerator: readonly { readonly files: readonly string[] }[]
}

interface Dashboard {
  readonly uid: string
  readonly templating: { readonly list: readonly { readonly name: string }[] }
  readonly panels: readonly Panel[]
}

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets: readonly { readonly refId: string; readonly expr: string }[]
}

const FILES = dashboardFiles()
/** Variables that Grafana itself has. */
const BUILT_IN = ['__rate_interval', '__range', '1']

test('the dashboards are those of the definitions', (t) => {
  for (const { path, text } of FILES) {
    t.is(readFileSync(path, 'utf8'), text, `${path} is stale: run \`npm run docs\``)
  }
  for (const [naming, directory] of Object.entries(DIRECTORIES)) {
    const made = FILES.filter((file) => file.naming === naming).map(({ path }) => basename(path))
    t.deepEqual(globSync('*.json', { cwd: directory }).sort(), made.sort(), directory)
    const kustomization = parse(
      readFileSync(join(directory, 'kustomization.yaml'), 'utf8'),
    ) as Kustomization
    const deployed = kustomization.configMapGenerator.flatMap(({ files }) => files)
    t.deepEqual(deployed.map((file) => file.split('=')[1]).sort(), made, directory)
  }
})

test('every panel has a place and a meaning of its own', (t) => {
  const dashboards = FILES.map(({ text }) => JSON.parse(text) as Dashboard)
  t.is(new Set(dashboards.map(({ uid }) => uid)).size, dashboards.length)
  for (const { uid, panels } of dashboards) {
    t.is(new Set(panels.map(({ id }) => id)).size, panels.length, uid)
    const taken = new Set<string>()
    for (const { type, title, description, gridPos, targets } of panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          t.true(x < 24 && !taken.has(`${x} ${y}`), `${uid}: ${title} lies on another panel`)
          taken.add(`${x} ${y}`)
        }
      }
      if (type === 'row') continue
      t.true(description.length > 0, `${uid}: ${title} does not say what it means`)
      t.is(new Set(targets.map(({ refId }) => refId)).size, targets.length, `${uid}: ${title}`)
    }
  }
})

test('queries use the variables that there are, and all of them', (t) => {
  for (const { text } of FILES) {
    const { uid, templating } = JSON.parse(text) as Dashboard
    const names = templating.list.map(({ name }) => name)
    const used = new Set([...text.matchAll(/\$(\w+)/g)].map(([, name]) => name))
    for (const name of names) t.true(used.delete(name), `${uid}: nothing uses $${name}`)
    t.deepEqual(
      [...used].filter((name) => !BUILT_IN.includes(name) && name !== '__all'),
      [],
      uid,
    )
  }
})
