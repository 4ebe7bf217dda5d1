/** The alerts that we give away on groups without processes, and how the group of each is made. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

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

/** Where the rules are. */
export const RULES = fileURLToPath(new URL('../../deploy/rules', import.meta.url))
/** To be copied for groups that a cluster has; as it is, it would fire everywhere. */
export const TO_BE_COPIED = 'missing-groups.yaml'

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
    // Nobody knows the name before there is a process.
    rule: { name: '{{.Comm}}' },
    description:
      "No process of the group has been seen for a minute, or none since the exporter's start.",
  },
]
