/** A template, parsed. */
import type { Value } from './values.ts'

/** What a term begins with. */
export type Operand =
  | { readonly type: 'dot' }
  /** `nil` has no value. */
  | { readonly type: 'literal'; readonly value: Value }
  | { readonly type: 'variable'; readonly name: string }
  | { readonly type: 'function'; readonly name: string }
  | { readonly type: 'pipeline'; readonly pipeline: Pipeline }

/** An operand with the fields behind it. */
export interface Term {
  readonly operand: Operand
  readonly fields: readonly string[]
}

/** A term, and what it is called with. */
export type Command = readonly Term[]

/** Commands, each given the value of the one before as its last argument. */
export interface Pipeline {
  /** Variables that take the value; two only in a `range`. */
  readonly variables: readonly string[]
  /** Whether the variables are new (`:=`) or are given another value (`=`). */
  readonly declares: boolean
  readonly commands: readonly Command[]
}

/** The keyword of an action with a body. */
export type BranchType = 'if' | 'range' | 'with'

/** An action with a body that depends on the value of a pipeline. */
export interface Branch {
  readonly type: BranchType
  readonly pipeline: Pipeline
  readonly body: readonly Node[]
  readonly otherwise: readonly Node[]
}

/** A part of a template. */
export type Node =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'action'; readonly pipeline: Pipeline }
  | { readonly type: 'template'; readonly name: string; readonly pipeline: Pipeline | undefined }
  | Branch

/** A parsed template, with the templates that it defines. */
export interface Tree {
  readonly root: readonly Node[]
  /** What `define` named. */
  readonly templates: ReadonlyMap<string, readonly Node[]>
}
