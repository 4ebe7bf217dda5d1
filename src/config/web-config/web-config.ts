/**
 * The file that `-web.config.file` names: TLS, headers and passwords of the agent's server, in the form that
 * Prometheus's exporters share (exporter-toolkit, docs/web-configuration.md).
 */
import { dirname, resolve } from 'node:path'
import type { Protection } from '../../web/server.ts'
import { ConfigError, type ConfigProblem } from '../problems.ts'
import { YamlFile } from '../yaml-file.ts'
import { HTTP_KEYS, RATE_LIMIT_KEYS, readHeaders, readRateLimit } from './http.ts'
import { Section } from './section.ts'
import { readTls, TLS_KEYS } from './tls.ts'
import { readUsers } from './users.ts'

const KEYS = ['tls_server_config', 'http_server_config', 'basic_auth_users', 'rate_limit']

/**
 * Reads a web configuration file.
 *
 * @param onFile called with the path of each file before it is read, the file itself first.
 * @throws ConfigError with every problem; it shows no lines: they may hold hashes and keys.
 */
export function readWebConfig(path: string, onFile: (path: string) => void): Protection {
  onFile(resolve(path))
  return read(() => new YamlFile(path), dirname(resolve(path)), onFile)
}

/** The same for a certificate and its key alone. */
export function certificateConfig(
  certificate: string,
  key: string,
  onFile: (path: string) => void,
): Protection {
  const files = { cert_file: certificate, key_file: key }
  const text = JSON.stringify({ tls_server_config: files })
  return read(() => new YamlFile('web.cert_file and web.key_file', text), '.', onFile)
}

function read(open: () => YamlFile, directory: string, onFile: (path: string) => void): Protection {
  const problems: ConfigProblem[] = []
  let config: Protection | undefined
  try {
    const file = open()
    const top = new Section(file, problems, 'the file', file.root, KEYS)
    config = {
      tls: readTls(top.section('tls_server_config', TLS_KEYS), {
        directory,
        onFile,
      }),
      headers: readHeaders(top.section('http_server_config', HTTP_KEYS)),
      users: readUsers(top.section('basic_auth_users')),
      rateLimit: readRateLimit(top.section('rate_limit', RATE_LIMIT_KEYS)),
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    problems.push(...error.problems)
  }
  if (problems.length > 0 || config === undefined) {
    throw new ConfigError(problems.map(withoutContent))
  }
  return config
}

/** Without the line, and without what the parser of YAML quotes of it. */
function withoutContent({ source, message }: ConfigProblem): ConfigProblem {
  return {
    source,
    message: message.replace(
      /^(Unexpected .*|Not a YAML token|Block scalar header .*): .*$/s,
      '$1',
    ),
  }
}
