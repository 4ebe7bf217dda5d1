/**
 * What a metric is: one row for each measurement, with its name in both vocabularies.
 *
 * Instruments, the metrics reference, the translation between the vocabularies and the tests that
 * compare the outputs all come from these rows.
 */
import type { Attributes } from '@opentelemetry/api'

/**
 * OpenTelemetry's names; those of the systems that this agent replaces; or those of cAdvisor, which the kubelet
 * serves too.
 */
export const NAMINGS = ['otel', 'classic', 'cadvisor'] as const
/** One of the vocabularies in which metrics are named. */
export type Naming = (typeof NAMINGS)[number]
/** A vocabulary of a system other than OpenTelemetry. */
export type OtherNaming = Exclude<Naming, 'otel'>

/** The kind of an instrument, in OpenTelemetry's words. */
export type MetricKind = 'counter' | 'updowncounter' | 'gauge'

/** A measurement: one value for each thing (group, container, …) that a collector looks at. */
export interface MetricDefinition {
  /** Meaning, as an operator reads it. */
  readonly description: string
  readonly kind: MetricKind
  /** `int` for counts and bytes, `double` for seconds and ratios. */
  readonly valueType: 'int' | 'double'
  readonly otel: {
    readonly name: string
    /** UCUM: `s`, `By`, `1` for ratios, `{thing}` for counts, '' for none. */
    readonly unit: string
    /** The attributes that tell this measurement from others of the same name. */
    readonly attributes?: Attributes
  }
  /** Absent where none of the replaced systems has the measurement. */
  readonly classic?: OtherName
  /** Absent where cAdvisor doesn't have it. */
  readonly cadvisor?: OtherName
  /** What it is to the parts of the agent that show things rather than metrics: the recorder and its page. */
  readonly role?: Role
}

/** A kind of thing that the recorder and the pressure page know: the node, a process group, or a cgroup. */
export type Subject = 'node' | 'group' | 'container' | 'pod' | 'cgroup'

/** What a measurement is to the recorder and to the pressure page. */
export interface Role {
  readonly subject: Subject
  /** The figure of the recorder that its points are added up to; see `recorder/figures.ts`. */
  readonly figure?: string
  /** Of pressure stall information: the resource, the line of its file and the field of the line. */
  readonly pressure?: {
    readonly resource: string
    readonly type: 'some' | 'full'
    /** Averages are parts of the time from 0 to 1, `total` is in seconds. */
    readonly field: 'avg10' | 'avg60' | 'avg300' | 'total'
  }
}

/** What another system calls a measurement. */
export interface OtherName {
  readonly name: string
  readonly attributes?: Attributes
  /** Its value for 1 of ours; 1 where the units are the same. */
  readonly scale?: number
  /** Where the other system declares another type than the measurement has. */
  readonly kind?: MetricKind
  readonly description?: string
  /** Whether several of our measurements are one of the other system, which gets their sum. */
  readonly isTotal?: boolean
}

/** All measurements of a collector, by a name of its own for each. */
export interface MetricTable<Key extends string = string> {
  /** Name of the collector and of its instrumentation scope. */
  readonly scope: string
  /** Keys of the attributes that identify a series, and what classic metrics call them. */
  readonly keys: Readonly<Record<string, AttributeDefinition>>
  readonly metrics: Readonly<Record<Key, MetricDefinition>>
}

/** An attribute that identifies series, with its names as a label in other vocabularies. */
export interface AttributeDefinition {
  readonly description: string
  /** The label of classic metrics; without it the attribute's own name, and none where it is false. */
  readonly classic?: string | false
  /** The same of cAdvisor's. */
  readonly cadvisor?: string | false
}

/** A measurement together with its definition table: the meaning that an observed point carries. */
export interface Row {
  readonly table: MetricTable
  readonly definition: MetricDefinition
}

/** Gives a table its type; says nothing at run time. */
export function metricTable<Key extends string>(table: MetricTable<Key>): MetricTable<Key> {
  return table
}
