/** Metrics with an example each, found in the Prometheus text of a collection. */
import type { MetricDefinition, MetricTable, Naming } from './definitions.ts'
import { type ExpositionName, expositionName, namesOf } from './exposition-names.ts'

/** A measurement, as programs read of it. */
export interface CatalogueEntry {
  readonly collector: string
  readonly name: string
  readonly unit: string
  readonly kind: string
  readonly description: string
  /** Attributes that tell it from other measurements of the name. */
  readonly attributes: object
  /** Keys of the attributes that tell its series apart. */
  readonly keys: readonly string[]
  /** The families of /metrics, by vocabulary. */
  readonly prometheus: Readonly<Partial<Record<Naming, string>>>
  /** A line of /metrics; absent where this machine has none. */
  readonly example?: string
}

/** Finds example lines of measurements in the Prometheus text of one collection. */
export class Examples {
  readonly #text: string
  readonly #namings: readonly Naming[]
  readonly #lines: ReadonlyMap<string, readonly string[]>

  /** @param namings the vocabularies in which examples are wanted, the first one that has the measurement. */
  constructor(text: string, namings: readonly Naming[]) {
    this.#text = text
    this.#namings = namings
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    this.#lines = Map.groupBy(lines, (line) => line.split(/[{ ]/, 1)[0] as string) as Map<
      string,
      string[]
    >
  }

  /** A line of the measurement; undefined where there is none. */
  of(definition: MetricDefinition): string | undefined {
    const { family, labels } = expositionName(definition, this.#namings)
    return this.#lines
      .get(family)
      ?.find((line) => labels.every(([label, value]) => line.includes(`${label}="${value}"`)))
  }

  /** The text, and the heads of the families of which it has no sample. */
  withOthers(tables: readonly MetricTable[]): string {
    const missing = new Map<string, string>()
    for (const definition of tables.flatMap(({ metrics }) => Object.values(metrics))) {
      const name = expositionName(definition, this.#namings)
      const { family } = name
      if (this.#lines.has(family) || missing.has(family)) continue
      const type = kindOf(definition, name) === 'counter' ? 'counter' : 'gauge'
      missing.set(family, `# HELP ${family} ${definition.description}\n# TYPE ${family} ${type}\n`)
    }
    return this.#text + [...missing.values()].join('')
  }

  catalogue(tables: readonly MetricTable[]): CatalogueEntry[] {
    return tables.flatMap(({ scope, keys, metrics }) =>
      Object.values<MetricDefinition>(metrics).map((definition) => {
        const { otel, kind, description } = definition
        const example = this.of(definition)
        return {
          collector: scope,
          name: otel.name,
          unit: otel.unit,
          kind,
          description,
          attributes: otel.attributes ?? {},
          keys: Object.keys(keys),
          prometheus: Object.fromEntries(
            namesOf(definition).map(({ naming, family }) => [naming, family]),
          ),
          ...(example !== undefined && { example }),
        }
      }),
    )
  }
}

function kindOf({ kind, classic }: MetricDefinition, { naming }: ExpositionName) {
  return naming === 'classic' ? (classic?.kind ?? kind) : kind
}
