/** The ways of a push into a Collector: each transport, with a Resource for each container and with one for all. */
import type { OtlpSettings } from '../../src/telemetry/otlp/settings.ts'

export type Way = Pick<OtlpSettings, 'protocol' | 'resources'>

export const WAYS: readonly Way[] = (['grpc', 'http/protobuf'] as const).flatMap((protocol) =>
  (['entity', 'single'] as const).map((resources) => ({ protocol, resources })),
)

/** The Collector's receiver of a transport. @param most MiB of a request. */
export function otlpReceiver({ protocol }: Pick<Way, 'protocol'>, port: number, most = 4): object {
  const endpoint = `127.0.0.1:${port}`
  const protocols =
    protocol === 'grpc'
      ? { grpc: { endpoint, max_recv_msg_size_mib: most } }
      : { http: { endpoint, max_request_body_size: most * 1024 ** 2 } }
  return { protocols }
}

/** Flags of an agent that pushes there. */
export function pushing({ protocol, resources }: Way, port: number): string[] {
  return [
    '--exporters=prometheus,otlp',
    `--otlp.protocol=${protocol}`,
    `--otlp.resources=${resources}`,
    `--otlp.endpoint=http://127.0.0.1:${port}`,
  ]
}
