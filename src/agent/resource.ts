/** The OTLP Resource of the agent and its node. */
import { hostname } from 'node:os'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import type { Config } from '../config/config.ts'

const SERVICE_NAME = 'otel-interrogator'

/**
 * Attributes of `resource.attributes` (`OTEL_RESOURCE_ATTRIBUTES`) count over what is found out, and `service.name`
 * (`OTEL_SERVICE_NAME`) over both (OpenTelemetry SDK environment variables).
 *
 * @param version of the agent.
 */
export function createResource(
  { node, resource, service }: Pick<Config, 'node' | 'resource' | 'service'>,
  version: string,
  environment: NodeJS.ProcessEnv,
): Resource {
  const host = node.name ?? hostname()
  const isInCluster = environment.KUBERNETES_SERVICE_HOST !== undefined
  return resourceFromAttributes({
    'host.name': host,
    'host.arch': ARCHITECTURES[process.arch] ?? process.arch,
    'os.type': 'linux',
    ...(isInCluster && { 'k8s.node.name': host }),
    'service.instance.id': host,
    'service.name': SERVICE_NAME,
    'service.version': version,
    ...Object.fromEntries(resource.attributes),
    ...(service.name !== undefined && { 'service.name': service.name }),
  })
}

/** OpenTelemetry's names (`host.arch`) where Node.js has others. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm: 'arm32' }
