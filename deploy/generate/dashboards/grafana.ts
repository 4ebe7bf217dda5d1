/** Dashboards in Grafana's own form, as its version 10.4 and later ones read it: only what is not its default. */
import type { Query } from './queries.ts'

/** The lowest value of each colour. */
export type Thresholds = readonly (readonly [value: number, colour: 'yellow' | 'red'])[]

export interface PanelSpec {
  readonly title: string
  readonly type?: 'timeseries' | 'stat' | 'table'
  readonly queries: readonly Query[]
  /** What the definitions don't say. */
  readonly note?: string
  /** Instead of that of the queries. */
  readonly unit?: string
  readonly thresholds?: Thresholds
  readonly isStacked?: boolean
  /** Of the 24 columns; 8 by default. */
  readonly width?: number
}

export interface RowSpec {
  readonly title: string
  readonly panels: readonly PanelSpec[]
}

export interface VariableSpec {
  readonly name: string
  readonly label: string
  readonly query: string
}

export interface DashboardSpec {
  readonly uid: string
  readonly title: string
  readonly description: string
  /** What it has in common with those that it links to. */
  readonly tags: readonly string[]
  readonly variables: readonly VariableSpec[]
  /** Choices of how many series panels show; the first one is the default. */
  readonly top?: { readonly name: string; readonly choices: readonly number[] }
  readonly rows: readonly RowSpec[]
}

const SCHEMA = 39
const COLUMNS = 24
const HEIGHTS = { row: 1, stat: 4, timeseries: 8, table: 8 } as const
const DATASOURCE = { type: 'prometheus', uid: '$datasource' }

export function dashboard(spec: DashboardSpec): object {
  return {
    uid: spec.uid,
    title: spec.title,
    description: spec.description,
    tags: spec.tags,
    schemaVersion: SCHEMA,
    editable: true,
    graphTooltip: 1,
    refresh: '1m',
    time: { from: 'now-1h', to: 'now' },
    links: [
      {
        type: 'dashboards',
        title: 'Further dashboards',
        tags: spec.tags,
        asDropdown: true,
        includeVars: true,
        keepTime: true,
      },
    ],
    templating: { list: variables(spec) },
    panels: panels(spec.rows),
  }
}

function variables({ variables, top }: DashboardSpec): object[] {
  return [
    { type: 'datasource', name: 'datasource', label: 'Data source', query: 'prometheus' },
    ...variables.map(({ name, label, query }) => ({
      type: 'query',
      name,
      label,
      datasource: DATASOURCE,
      definition: query,
      query: { qryType: 1, query, refId: 'PrometheusVariableQueryEditor-VariableQuery' },
      // At every change of the time: containers come and go.
      refresh: 2,
      sort: 1,
      multi: true,
      includeAll: true,
      // Also those that don't have the label.
      allValue: '.*',
      current: { text: ['All'], value: ['$__all'] },
    })),
    ...(top === undefined ? [] : [topVariable(top)]),
  ]
}

function topVariable({ name, choices }: { name: string; choices: readonly number[] }): object {
  const options = choices.map((choice, index) => ({
    text: String(choice),
    value: String(choice),
    selected: index === 0,
  }))
  return {
    type: 'custom',
    name,
    label: 'Show the first',
    query: choices.join(','),
    options,
    current: options[0],
  }
}

/** All panels with their places: rows below each other, in each from left to right. */
function panels(rows: readonly RowSpec[]): object[] {
  const placed: object[] = []
  let y = 0
  for (const row of rows) {
    const gridPos = { h: HEIGHTS.row, w: COLUMNS, x: 0, y }
    placed.push({ type: 'row', id: placed.length + 1, title: row.title, gridPos, panels: [] })
    y += HEIGHTS.row
    let x = 0
    let tallest = 0
    for (const spec of row.panels) {
      const { type = 'timeseries', width: w = 8 } = spec
      const h = HEIGHTS[type]
      if (x + w > COLUMNS) {
        x = 0
        y += tallest
        tallest = 0
      }
      placed.push(panel(spec, placed.length + 1, { h, w, x, y }))
      x += w
      tallest = Math.max(tallest, h)
    }
    y += tallest
  }
  return placed
}

function panel(spec: PanelSpec, id: number, gridPos: object): object {
  const { title, type = 'timeseries', queries, unit = queries[0].unit } = spec
  return {
    type,
    id,
    title,
    description: describe(spec),
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: { defaults: { unit, ...appearance(spec) }, overrides: [] },
    ...DETAILS[type],
    targets: queries.map(({ text, legend }, index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      expr: text,
      legendFormat: legend,
      ...(type === 'timeseries' ? { range: true } : { instant: true, range: false }),
      ...(type === 'table' && { format: 'table' }),
    })),
  }
}

/** What the definitions say, and what the panel adds. */
function describe({ queries, note }: PanelSpec): string {
  const said = queries.flatMap(({ measures }) =>
    measures.map(({ definition }) => definition.description),
  )
  return [...(note === undefined ? [] : [note]), ...new Set(said)].join('\n\n')
}

function appearance({ type = 'timeseries', thresholds, isStacked = false }: PanelSpec): object {
  const steps = {
    mode: 'absolute',
    steps: [
      { color: 'green', value: null },
      ...(thresholds ?? []).map(([value, color]) => ({ color, value })),
    ],
  }
  if (type !== 'timeseries') return { thresholds: steps }
  return {
    min: 0,
    ...(thresholds && { thresholds: steps }),
    custom: {
      fillOpacity: isStacked ? 30 : 5,
      showPoints: 'never',
      ...(isStacked && { stacking: { mode: 'normal' } }),
      ...(thresholds && { thresholdsStyle: { mode: 'dashed' } }),
    },
  }
}

const DETAILS = {
  timeseries: {
    options: {
      legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  },
  stat: { options: { reduceOptions: { calcs: ['lastNotNull'] }, graphMode: 'none' } },
  table: {
    transformations: [{ id: 'organize', options: { excludeByName: { Time: true } } }],
  },
} as const
