/** The two forms of the exposition: Prometheus text 0.0.4, and OpenMetrics 1.0. */

/** The type of a family in its `# TYPE` line. */
export type FamilyType = 'counter' | 'gauge' | 'unknown'

/** Name and type of a family. */
export interface FamilyName {
  readonly family: string
  readonly type: FamilyType
}

/** One form of the exposition. */
export interface Format {
  readonly contentType: string
  /** What a metric's family is called, from the name of its samples. */
  readonly familyOf: (name: string, isCounter: boolean) => FamilyName
  readonly escapeHelp: (text: string) => string
  /** Head of the family of the Resource, whose sample is `target_info`. */
  readonly targetInfo: FamilyHead
  /** Whether counters may have a sample with the time of their beginning. */
  readonly hasCreated: boolean
  /** The last line. */
  readonly end: string
}

interface FamilyHead {
  readonly family: string
  readonly type: string
}

const TOTAL = '_total'

function escapeLine(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

/** Prometheus text format 0.0.4. */
export const TEXT: Format = {
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  familyOf: (name, isCounter) => ({ family: name, type: isCounter ? 'counter' : 'gauge' }),
  escapeHelp: escapeLine,
  targetInfo: { family: 'target_info', type: 'gauge' },
  hasCreated: false,
  end: '',
}

/** OpenMetrics 1.0. */
export const OPEN_METRICS: Format = {
  contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  familyOf: (name, isCounter) => {
    if (!isCounter) return { family: name, type: 'gauge' }
    // A counter's samples have to end so: one that dashboards know otherwise is of no known type.
    if (!name.endsWith(TOTAL)) return { family: name, type: 'unknown' }
    return { family: name.slice(0, -TOTAL.length), type: 'counter' }
  },
  escapeHelp: (text) => escapeLine(text).replaceAll('"', '\\"'),
  targetInfo: { family: 'target', type: 'info' },
  hasCreated: true,
  end: '# EOF\n',
}
