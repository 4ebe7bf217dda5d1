/** Token and certificate authority of a service account, and where a pod finds its API server. */
import { readFile } from 'node:fs/promises'
import { PeerError } from './peer-error.ts'

/** A server, and what it takes to trust it and to be trusted. */
export interface Peer {
  /** Name or address; an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  readonly tokenFile: string
  readonly caFile: string
  /** The name in the server's certificate, where that is not `host`. */
  readonly serverName?: string | undefined
  /** Accepts any certificate: a man in the middle can read the token. */
  readonly insecure?: boolean | undefined
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Files that Kubernetes mounts into each pod that does not refuse them. */
export const SERVICE_ACCOUNT_FILES: Pick<Peer, 'tokenFile' | 'caFile'> = {
  tokenFile: `${SERVICE_ACCOUNT}/token`,
  caFile: `${SERVICE_ACCOUNT}/ca.crt`,
}

/**
 * The API server as a pod's environment names it: `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT`.
 *
 * @throws Error outside of a cluster, and when the port is none.
 */
export function inClusterServer(env: NodeJS.ProcessEnv): Pick<Peer, 'host' | 'port'> {
  const host = env.KUBERNETES_SERVICE_HOST
  if (host === undefined || host === '') {
    throw new Error(
      'no Kubernetes API server: KUBERNETES_SERVICE_HOST is not set, as it is in every pod; name the server',
    )
  }
  const port = Number(env.KUBERNETES_SERVICE_PORT || 443)
  if (!(port > 0 && port < 65_536)) throw new Error('KUBERNETES_SERVICE_PORT is no port')
  return { host, port }
}

/** The token and the trusted certificate authorities of one request. */
export interface Credentials {
  readonly token: string
  /** Undefined where any certificate is taken. */
  readonly ca: string | undefined
}

/**
 * Read for each request, which are few: projected tokens are replaced before they expire, certificate
 * authorities when they are renewed.
 *
 * @throws PeerError `credentials`
 */
export async function readCredentials({
  tokenFile,
  caFile,
  insecure,
}: Pick<Peer, 'tokenFile' | 'caFile' | 'insecure'>): Promise<Credentials> {
  const token = (await read(tokenFile, 'token', TOKEN_HINT)).trim()
  // What a header can carry; Node would refuse anything else, in words that don't name the file.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new PeerError('credentials', `${tokenFile} holds no bearer token`)
  }
  const ca = insecure ? undefined : await read(caFile, 'certificate authority', CA_HINT)
  if (ca !== undefined && !ca.includes('-----BEGIN')) {
    throw new PeerError('credentials', `${caFile} holds no certificate in PEM form`)
  }
  return { token, ca }
}

const TOKEN_HINT = 'a pod has one unless automountServiceAccountToken is false'
const CA_HINT = 'name the file of the authority that signed the server’s certificate'

async function read(path: string, what: string, hint: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new PeerError('credentials', `can't read the ${what} in ${path} (${code}): ${hint}`)
  }
}
