/**
 * The rules that name process groups, with the meaning that process-exporter's have: the first rule all
 * of whose selectors match names the group.
 */

import { type Assignment, assignment, type Limit, type Match } from './assignment.ts'
import { baseName, type ProcessFacts } from './facts.ts'
import {
  compileNameTemplate,
  EMPTY_TEMPLATE,
  type Matches,
  type NameTemplate,
} from './name-template.ts'
import { RuleError, type RuleProblem } from './rule-error.ts'
import { type Attempt, type Condition, compileSelectors, type Selectors } from './selectors.ts'

/** A rule, as the configuration file has it. */
export interface ProcessNameItem extends Selectors {
  readonly name?: string
  /** A process that meets any of these conditions is not selected. */
  readonly not?: Selectors
  /** Whether selected processes belong to no group, regardless of later rules and of their ancestors. */
  readonly ignore?: boolean
  /** Further attributes of the group: templates, by name. */
  readonly labels?: Readonly<Record<string, string>>
  readonly limit?: Limit
  /** Line in the configuration file; 0 for a built-in rule. */
  readonly line: number
}

/** The rules that assign processes to groups. */
export interface Rules {
  /** The result of the first rule that matches. */
  match(facts: ProcessFacts): Match
  /** Groups whose names depend on no process, so that they exist before any process matches. */
  readonly constants: readonly Assignment[]
  /** Fields in templates that do not exist; a name ends at such a field. */
  readonly unknownFields: readonly UnknownField[]
  /** The evaluation of each rule, up to the first that matches. */
  explain(facts: ProcessFacts): readonly Explanation[]
}

/** A field of a template that no process has. */
export interface UnknownField {
  /** Line of the rule in the configuration file. */
  readonly line: number
  /** Which template of the rule: `name`, or `label x`. */
  readonly template: string
  readonly field: string
}

/** How one rule was evaluated for a process. */
export interface Explanation {
  /** Position of the rule, such as `rule 2 (line 7)`. */
  readonly rule: string
  /** Each condition, and whether it holds. */
  readonly conditions: readonly { text: string; holds: boolean; actual: unknown }[]
  /** Undefined when the rule doesn't match. */
  readonly match: Match
}

const DEFAULT_NAME = '{{.ExeBase}}'

/**
 * Compiles the rules of `process_names`.
 *
 * @param options.strict whether of two `exe` entries with one base name only the last counts, as in
 *   process-exporter.
 * @throws RuleError
 */
export function compileRules(
  items: readonly ProcessNameItem[],
  { strict }: { readonly strict: boolean } = { strict: false },
): Rules {
  const problems: RuleProblem[] = []
  const rules = items.map(({ exe, ...item }) => {
    const entries = strict && exe !== undefined ? lastOfEachName(exe) : exe
    return compileRule({ ...item, ...(entries && { exe: entries }) }, problems)
  })
  if (problems.length > 0) throw new RuleError(problems)
  return {
    match(facts) {
      for (const rule of rules) {
        const matches = new Map<string, string>()
        if (isSelected(rule, facts, matches)) return rule.match(facts, matches)
      }
      return undefined
    },
    constants: rules.flatMap(({ constant }) => constant ?? []),
    unknownFields: rules.flatMap(({ unknownFields }) => unknownFields),
    explain(facts) {
      const last = rules.findIndex((rule) => isSelected(rule, facts, new Map()))
      const asked = last < 0 ? rules : rules.slice(0, last + 1)
      return asked.map((rule, index) => explainRule(rule, index + 1, facts))
    },
  }
}

interface Rule {
  readonly line: number
  readonly conditions: readonly Condition[]
  readonly excluded: readonly Condition[]
  readonly match: (facts: ProcessFacts, matches: Matches) => Match
  readonly constant: Assignment | undefined
  readonly unknownFields: readonly UnknownField[]
}

function isSelected(rule: Rule, facts: ProcessFacts, matches: Map<string, string>): boolean {
  return (
    rule.conditions.every(({ holds }) => holds(facts, matches)) &&
    !rule.excluded.some(({ holds }) => holds(facts, new Map()))
  )
}

function explainRule(rule: Rule, number: number, facts: ProcessFacts): Explanation {
  const matches = new Map<string, string>()
  const ask = ({ text, holds, actual }: Condition) => ({
    text,
    holds: holds(facts, matches),
    actual: actual(facts),
  })
  const conditions = rule.conditions.map(ask)
  const excluded = rule.excluded.map(ask)
  const isMatch = conditions.every(({ holds }) => holds) && !excluded.some(({ holds }) => holds)
  return {
    rule: rule.line === 0 ? `built-in rule ${number}` : `rule ${number} (line ${rule.line})`,
    conditions: [
      ...conditions,
      ...excluded.map(({ text, holds, actual }) => ({
        text: `not ${text}`,
        holds: !holds,
        actual,
      })),
    ],
    match: isMatch ? rule.match(facts, matches) : undefined,
  }
}

function compileRule(item: ProcessNameItem, problems: RuleProblem[]): Rule {
  const attempt: Attempt = (what, source, compile, instead) => {
    try {
      return compile(source)
    } catch (error) {
      const message = `${what} ${JSON.stringify(source)}: ${(error as Error).message}`
      problems.push({ line: item.line, message })
      return instead
    }
  }
  const { line, limit } = item
  const conditions = compileSelectors(item, attempt)
  const excluded = compileSelectors(item.not ?? {}, attempt)
  if (item.ignore) {
    return {
      line,
      conditions,
      excluded,
      match: () => 'ignored',
      constant: undefined,
      unknownFields: [],
    }
  }
  const source = item.name === undefined || item.name === '' ? DEFAULT_NAME : item.name
  const name = attempt('name', source, compileNameTemplate, EMPTY_TEMPLATE)
  const labels = Object.entries(item.labels ?? {}).map(([label, text]): [string, NameTemplate] => [
    label,
    attempt(`label ${label}`, text, compileNameTemplate, EMPTY_TEMPLATE),
  ])
  const templates: [string, NameTemplate][] = [
    ['name', name],
    ...labels.map(([label, template]): [string, NameTemplate] => [`label ${label}`, template]),
  ]
  const isConstant =
    limit === undefined && ![source, ...Object.values(item.labels ?? {})].some(isTemplate)
  return {
    line,
    conditions,
    excluded,
    match(facts, matches) {
      const values = labels.map(([label, template]) => [label, template(facts, matches)])
      return assignment(name(facts, matches), Object.fromEntries(values), limit)
    },
    constant: isConstant ? assignment(source, item.labels) : undefined,
    unknownFields: templates.flatMap(([template, { unknownFields }]) =>
      unknownFields.map((field) => ({ line, template, field })),
    ),
  }
}

function isTemplate(source: string): boolean {
  return source.includes('{{')
}

function lastOfEachName(entries: readonly string[]): string[] {
  return [...new Map(entries.map((entry) => [baseName(entry), entry])).values()]
}
