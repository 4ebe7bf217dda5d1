/** Checks that all copies of the agent's start command are equal. */
import { readFileSync } from 'node:fs'

const ROOT = new URL('../../', import.meta.url)
const UNITS = ['deploy/host/otel-interrogator.service', 'deploy/host/process-exporter.conf']

/** Says where Node.js gets other options than from `npm start`, and where another version is named. */
export function differentStarts(images: readonly string[]): string[] {
  const { version, scripts } = JSON.parse(read('package.json')) as {
    version: string
    scripts: { start: string }
  }
  const commands = [
    ...[...read('Dockerfile').matchAll(/^ENTRYPOINT .*$/gm)].map(([line]) => ['Dockerfile', line]),
    ...UNITS.map((unit) => [unit, /^ExecStart=.+$/m.exec(read(unit))?.[0] ?? '']),
  ]
  const problems = commands
    .filter(([, command]) => optionsOf(command) !== optionsOf(scripts.start))
    .map(([place, command]) => `${place}: ${command}`)
  const named = [...images, `Dockerfile:${/^ARG VERSION=(.*)$/m.exec(read('Dockerfile'))?.[1]}`]
  for (const image of named) {
    if (!image.endsWith(`:${version}`)) problems.push(`${image} is not version ${version}`)
  }
  return problems
}

/** Node's own options in a command: those before the program. */
function optionsOf(command: string): string {
  const [before] = command.split(/dist\/main\.js|\/bin\/process-exporter/)
  return [...before.matchAll(/--[\w-]+(?:=\w+)?/g)].join(' ')
}

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8')
}
