/** `/`: what the agent is doing, for people. */
import type { CollectorRun } from '../telemetry/sampler.ts'
import type { Reply, Route } from './reply.ts'

export interface Status {
  readonly version: string
  readonly uptimeSeconds: number
  /** What each collector did last. */
  readonly runs: readonly CollectorRun[]
}

/** @param paths the server's other paths, to be linked. */
export function statusRoute(paths: readonly string[], status: () => Status): Route {
  return () => page(paths, status())
}

function page(paths: readonly string[], { version, uptimeSeconds, runs }: Status): Reply {
  const links = paths.map((path) => `<a href="${escapeHtml(path)}">${escapeHtml(path)}</a>`)
  const rows = runs.map(
    ({ name, duration, series, errors }) =>
      `<tr><td>${escapeHtml(name)}</td><td>${(duration * 1000).toFixed(1)} ms</td><td>${series}</td>` +
      `<td>${errors.length === 0 ? 'ok' : escapeHtml(errors.map(String).join('; '))}</td></tr>`,
  )
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>otel-interrogator</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 44rem; padding: 0 1rem; color: #1f2933; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d9e2ec }
a { color: #0b69a3 }
</style>
</head>
<body>
<h1>otel-interrogator</h1>
<p>Version ${escapeHtml(version)}, up for ${Math.round(uptimeSeconds)} s. ${links.join(' · ')}</p>
<table>
<tr><th>Collector</th><th>Last collection</th><th>Series</th><th>State</th></tr>
${rows.join('\n')}
</table>
</body>
</html>
`
  return { status: 200, contentType: 'text/html; charset=utf-8', body }
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
