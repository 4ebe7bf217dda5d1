/** The alerts that we give away on groups without processes, and how the group of each is made. */
import { join } from 'node:path'
import { RULES, TO_BE_COPIED } from '../../deploy/generate/prometheus-rule.ts'

export interface Alert {
  readonly name: string
  /** The path of its file. */
  readonly file: string
  /** The group's rule, for a program of that comm. */
  readonly rule: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly description: string
}

/** The group's name, and that of its program. */
export const GROUP = 'dockerd'

export const ALERTS: readonly Alert[] = [
  {
    name: 'ProcessGroupIsGone',
    file: join(RULES, 'process-groups.yaml'),
    rule: { name: GROUP, labels: { must_run: 'yes' } },
    description:
      'No process of the group has been seen for a minute. On the node, `otel-interrogator explain --all` lists what runs.',
  },
  {
    name: 'ProcessGroupIsMissing',
    file: join(RULES, TO_BE_COPIED),
    // The name is unknown before there is a process.
    rule: { name: '{{.Comm}}' },
    description:
      "No process of the group has been seen for a minute, or none since the exporter's start.",
  },
]
