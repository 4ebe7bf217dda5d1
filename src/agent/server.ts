/** The agent's routes, and the protection of its server. */
import type { Logger } from 'pino'
import type { Config } from '../config/config.ts'
import { certificateConfig, readWebConfig } from '../config/web-config/web-config.ts'
import type { PrometheusReader } from '../telemetry/prometheus/reader.ts'
import type { Sampler } from '../telemetry/sampler.ts'
import { type ApiSources, apiRoutes } from '../web/api/api.ts'
import { metricsRoute } from '../web/metrics-route.ts'
import { pageRoutes } from '../web/page-route.ts'
import { Reloaded } from '../web/protection/reloaded.ts'
import { psiRoute } from '../web/psi-route.ts'
import { plainText, type Route } from '../web/reply.ts'
import type { Protection } from '../web/server.ts'

/**
 * Reads the protection of the server, and again when its files change; undefined without any.
 *
 * @throws ConfigError when a file is wrong.
 */
export function readProtection(web: Config['web'], logger: Logger): (() => Protection) | undefined {
  const file = protectionFile(web)
  if (file === undefined) return undefined
  const hasTls = ({ tls }: Protection) => tls !== undefined
  const reloaded = new Reloaded<Protection>({
    read: (onFile) => readProtectionFiles(web, onFile),
    refuse: (current, next) =>
      hasTls(current) === hasTls(next)
        ? undefined
        : `${file}: whether there is TLS can't change while running; start the agent again`,
    onReload: (problems) => {
      if (problems === undefined) logger.info({ file }, 'web configuration is reloaded')
      else logger.error({ problems }, 'web configuration is not reloaded, the old one stays')
    },
  })
  return () => reloaded.current()
}

/** What says how the server is protected; undefined when nothing does. */
export function protectionFile({
  config_file,
  cert_file,
  key_file,
}: Config['web']): string | undefined {
  return [config_file, cert_file, key_file].find((file) => file !== undefined && file !== '')
}

/**
 * Reads the files of the server's protection once.
 *
 * @throws ConfigError when a file is wrong.
 */
export function readProtectionFiles(
  web: Config['web'],
  onFile: (file: string) => void,
): Protection {
  const { config_file = '', cert_file = '', key_file = '' } = web
  return config_file === ''
    ? certificateConfig(cert_file, key_file, onFile)
    : readWebConfig(config_file, onFile)
}

/** The routes of the server, by path. */
export function createRoutes(
  config: Config,
  sampler: Sampler,
  prometheus: PrometheusReader,
  api: ApiSources,
): ReadonlyMap<string, Route> {
  const { path, max_scrapes } = config.prometheus
  const metrics = metricsRoute({
    scrape: (format) => prometheus.scrape(format),
    max_scrapes,
  })
  const healthy = () => plainText(200, 'ok\n')
  return new Map<string, Route>([
    ...pageRoutes(),
    ...apiRoutes(api),
    [path, metrics],
    ['/psi', psiRoute(() => sampler.snapshot())],
    ['/healthz', healthy],
    // As the pressure daemonset called it.
    ['/health', healthy],
    [
      '/readyz',
      () =>
        sampler.latest === undefined
          ? plainText(503, 'the first collection is under way\n')
          : plainText(200, 'ok\n'),
    ],
  ])
}
