/**
 * Prints the rules of `deploy/rules` as one object of the Prometheus Operator; `npm run docs` keeps it beside the
 * manifests, for kustomize can't put a file into a field.
 */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse, stringify } from 'yaml'
import { RULES, TO_BE_COPIED } from '../rules/alerts.ts'

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
process.stdout.write(header + stringify(rule, { lineWidth: 0 }))
