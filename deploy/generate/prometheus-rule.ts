/**
 * Prints the rules of `deploy/rules` as one object of the Prometheus Operator. `npm run docs` writes it beside the
 * manifests, because kustomize cannot put a file into a field.
 */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'

/** The directory of the rule files. */
export const RULES = fileURLToPath(new URL('../rules', import.meta.url))
/** The file that users copy for groups that their cluster has. As it is, it would fire everywhere. */
export const TO_BE_COPIED = 'missing-groups.yaml'

if (import.meta.main) process.stdout.write(prometheusRule())

function prometheusRule(): string {
  const files = globSync('*.yaml', { cwd: RULES })
    .filter((file) => basename(file) !== TO_BE_COPIED)
    .sort()
  const groups = files.flatMap((file) => {
    const { groups } = parse(readFileSync(join(RULES, file), 'utf8')) as { groups: object[] }
    return groups
  })
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      name: 'otel-interrogator',
      labels: { 'app.kubernetes.io/name': 'otel-interrogator' },
    },
    spec: { groups },
  }
  const header = `# Made by \`npm run docs\` of deploy/rules: ${files.join(', ')}.\n`
  return header + stringify(rule, { lineWidth: 0 })
}
