import { execFileSync } from 'node:child_process'
import test from 'ava'

/** The packages of OpenTelemetry and gRPC that a process has loaded once it pushes by a protocol. */
function loaded(protocol: string, resources: string): string {
  const transport = new URL('../../../src/telemetry/otlp/transport.ts', import.meta.url).href
  const settings = { protocol, resources, endpoint: 'http://localhost:1', compression: 'none' }
  const program = `
    import { createRequire, registerHooks } from 'node:module'
    const urls = new Set()
    registerHooks({ load: (url, context, next) => { urls.add(url); return next(url, context) } })
    const { openTransport } = await import('${transport}')
    const settings = { ...${JSON.stringify(settings)}, timeout: 1, export_timeout: 1, headers: new Map() }
    await (await openTransport(settings)).close()
    const { cache } = createRequire(import.meta.url)
    console.log([...urls, ...Object.keys(cache)].join(' '))`
  const words = ['--input-type=module', '--eval', program]
  return execFileSync(process.execPath, words, { encoding: 'utf8' })
}

test('gRPC is loaded when it is used, and not with HTTP', (t) => {
  for (const resources of ['entity', 'single']) {
    t.regex(loaded('grpc', resources), /@grpc\/grpc-js/)
    t.notRegex(loaded('grpc', resources), /otlp\/http\.ts/)
    const http = loaded('http/protobuf', resources)
    t.notRegex(http, /@grpc/)
    t.regex(http, /otlp\/http\.ts/)
  }
})
