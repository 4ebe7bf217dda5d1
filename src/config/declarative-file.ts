/**
 * The layer of OTEL_CONFIG_FILE: OpenTelemetry's declarative configuration. Readers, the Resource and the log level come
 * from it; the agent's own settings are in `distribution: {otel-interrogator: …}`, as in a file of its own.
 */
import { createRequire } from 'node:module'
import type {
  ConfigurationModel,
  OtlpGrpcMetricExporterConfigModel,
  OtlpHttpMetricExporterConfigModel,
} from '@opentelemetry/configuration'
import { stringify } from 'yaml'
import { readFile } from './file.ts'
import { type Layers, notAllowed } from './layers.ts'
import { ConfigError } from './problems.ts'
import { YamlFile } from './yaml-file.ts'

type Values = Readonly<Record<string, unknown>>

const DISTRIBUTION = 'otel-interrogator'

/**
 * Sets what the file says.
 *
 * @returns warnings: one that lists all that the agent can't honour, and those of its own settings.
 * @throws ConfigError when the file can't be read or is none of the schema.
 */
export function readDeclarativeFile(layers: Layers, path: string): string[] {
  const { parseConfigFile, mergeHeadersConfig, mergeResourceAttributesConfig } = loadPackage()
  const ignored: string[] = []

  /** The value of a key that is read; keys that are left in the end are not honoured. */
  class Section {
    readonly #at: string
    readonly #left: Map<string, unknown>

    constructor(at: string, values: unknown) {
      this.#at = at
      this.#left = new Map(Object.entries((values ?? {}) as Values))
    }

    take(key: string): unknown {
      const value = this.#left.get(key)
      this.#left.delete(key)
      return value ?? undefined
    }

    has(key: string): boolean {
      return this.#left.has(key)
    }

    section(key: string): Section {
      return new Section(`${this.#at}${key}.`, this.take(key))
    }

    /** Sets a setting to the value of a key. */
    set(key: string, setting: string, translate = (value: unknown): unknown => value): void {
      const value = this.take(key)
      if (value === undefined) return
      const translated = translate(value)
      if (layers.setValue(setting, translated)) return
      const message = `${this.#at}${key}: ${notAllowed(setting, translated)}`
      layers.problems.push({ source: path, message })
    }

    /** What has not been taken. */
    ignore(reason = ''): void {
      for (const [key, value] of this.#left) {
        if (value !== undefined && value !== null) ignored.push(`${this.#at}${key}${reason}`)
      }
      this.#left.clear()
    }
  }

  const root = new Section('', parse())
  if (root.take('disabled') === true) layers.setValue('exporters', ['none'])
  root.set('log_level', 'log.level', (level) => String(level).replace(/\d$/, ''))
  readResource(root.section('resource'))
  if (root.has('meter_provider')) readMeterProvider(root.section('meter_provider'))
  const distribution = root.section('distribution')
  const own = distribution.take(DISTRIBUTION)
  root.ignore()
  const warnings =
    own === undefined
      ? []
      : readFile(layers, `${path} (distribution.${DISTRIBUTION})`, stringify(own))
  return ignored.length === 0
    ? warnings
    : [`${path}: not honoured: ${ignored.join(', ')}`, ...warnings]

  function parse(): ConfigurationModel {
    // Says what is wrong with the YAML, and where; the package takes what it can of it.
    new YamlFile(path)
    try {
      return parseConfigFile(path)
    } catch (error) {
      const { message } = error as Error
      throw new ConfigError([{ source: path, message: message.replace(`${path}: `, '') }])
    }
  }

  function readResource(resource: Section): void {
    const attributes = resource.take('attributes') as { name: string; value: unknown }[] | undefined
    const list = resource.take('attributes_list') as string | undefined
    const merged = mergeResourceAttributesConfig(
      attributes as Parameters<typeof mergeResourceAttributesConfig>[0],
      list,
    )
    if (merged !== undefined) {
      const pairs = merged.map(({ name, value }) => [name, String(value)] as const)
      layers.setValue('resource.attributes', new Map(pairs))
    }
    resource.ignore()
  }

  function readMeterProvider(provider: Section): void {
    const exporters = new Set<string>()
    const readers = (provider.take('readers') ?? []) as Values[]
    for (const [index, reader] of readers.entries()) {
      const section = new Section(`meter_provider.readers[${index}].`, reader)
      const name = readReader(section, exporters)
      if (name !== undefined) exporters.add(name)
      section.ignore(name === undefined ? '' : ' (there is one already)')
    }
    layers.setValue('exporters', exporters.size === 0 ? ['none'] : [...exporters])
    provider.ignore()
  }

  /** @returns the exporter of the reader, unless it is none of the agent's, or there is one of its kind. */
  function readReader(reader: Section, known: ReadonlySet<string>): string | undefined {
    if (reader.has('pull') && !known.has('prometheus')) return readPull(reader.section('pull'))
    if (reader.has('periodic') && !known.has('otlp'))
      return readPeriodic(reader.section('periodic'))
    return undefined
  }

  function readPull(pull: Section): string | undefined {
    const exporter = pull.section('exporter')
    const key = 'prometheus/development'
    const isKnown = exporter.has(key)
    if (isKnown) {
      const prometheus = exporter.section(key)
      prometheus.set('host', 'prometheus.host')
      prometheus.set('port', 'prometheus.port')
      prometheus.set('scope_info_enabled', 'prometheus.scope_labels')
      prometheus.set('target_info_enabled/development', 'prometheus.target_info')
      prometheus.ignore()
    }
    exporter.ignore()
    pull.ignore()
    return isKnown ? 'prometheus' : undefined
  }

  function readPeriodic(periodic: Section): string | undefined {
    periodic.set('interval', 'otlp.interval')
    periodic.set('timeout', 'otlp.export_timeout')
    const exporter = periodic.section('exporter')
    const key = ['otlp_grpc', 'otlp_http'].find((one) => exporter.has(one))
    if (key !== undefined) readOtlp(exporter.section(key), key === 'otlp_grpc')
    exporter.ignore()
    periodic.ignore()
    return key === undefined ? undefined : 'otlp'
  }

  function readOtlp(otlp: Section, isGrpc: boolean): void {
    layers.setValue('otlp.protocol', isGrpc ? 'grpc' : 'http/protobuf')
    // As the schema has it, the endpoint of HTTP is the whole URL.
    otlp.set('endpoint', 'otlp.metrics_endpoint')
    otlp.set('compression', 'otlp.compression')
    otlp.set('timeout', 'otlp.timeout')
    otlp.set('temporality_preference', 'otlp.temporality', (value) =>
      String(value).replace('_', ''),
    )
    const headers = mergeHeadersConfig(
      otlp.take('headers') as Headers,
      otlp.take('headers_list') as string | undefined,
    )
    if (headers !== undefined) layers.setValue('otlp.headers', headers)
    const tls = otlp.section('tls')
    tls.set('ca_file', 'otlp.certificate')
    tls.set('key_file', 'otlp.client_key')
    tls.set('cert_file', 'otlp.client_certificate')
    tls.set('insecure', 'otlp.insecure')
    tls.ignore()
    if (otlp.take('encoding') === 'json') ignored.push('encoding: json (protobuf is used)')
    otlp.ignore()
  }
}

type Headers = NonNullable<
  OtlpGrpcMetricExporterConfigModel | OtlpHttpMetricExporterConfigModel
>['headers']

/** It is large, and few have such a file. */
function loadPackage(): typeof import('@opentelemetry/configuration') {
  return createRequire(import.meta.url)('@opentelemetry/configuration')
}
