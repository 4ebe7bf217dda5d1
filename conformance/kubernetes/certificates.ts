/** The authorities, certificates and kubeconfigs of a control plane, in the layout of kubeadm. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../support/children.ts'

export interface ClusterAddresses {
  readonly node: string
  readonly nodeIp: string
  /** Of the Service `kubernetes`. */
  readonly serviceIp: string
}

/** Who authenticates with a certificate: name of the file, subject. */
const CLIENTS: Readonly<Record<string, (node: string) => string>> = {
  admin: () => '/O=system:masters/CN=kubernetes-admin',
  'controller-manager': () => '/CN=system:kube-controller-manager',
  scheduler: () => '/CN=system:kube-scheduler',
  kubelet: (node) => `/O=system:nodes/CN=system:node:${node}`,
  'apiserver-kubelet-client': () => '/O=system:masters/CN=kube-apiserver-kubelet-client',
}
/** Those that also get a kubeconfig. */
const WITH_KUBECONFIG = ['admin', 'controller-manager', 'scheduler', 'kubelet']
const SERVICE_NAMES = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc']

/** Writes everything into a directory. */
export async function makeCertificates(
  directory: string,
  { node, nodeIp, serviceIp }: ClusterAddresses,
): Promise<void> {
  await authority(directory, 'ca', 'kubernetes')
  const names = [...SERVICE_NAMES, node, 'localhost'].map((name) => `DNS:${name}`)
  const addresses = [serviceIp, nodeIp, '127.0.0.1'].map((address) => `IP:${address}`)
  await certificate(directory, 'apiserver', '/CN=kube-apiserver', [...names, ...addresses])
  await certificate(directory, 'gateway', '/CN=gateway', [`IP:${nodeIp}`])
  for (const [name, subject] of Object.entries(CLIENTS)) {
    await certificate(directory, name, subject(node))
  }
  for (const name of WITH_KUBECONFIG) writeKubeconfig(directory, name, `https://${nodeIp}:6443`)
  await makeServiceAccountKeys(directory)
}

/** The keys that sign and verify tokens of service accounts; new ones make all older tokens invalid. */
export async function makeServiceAccountKeys(directory: string): Promise<void> {
  await openssl(directory, 'genrsa', '-out', 'service-account.key', '2048')
  const args = ['-in', 'service-account.key', '-pubout', '-out', 'service-account.pub']
  await openssl(directory, 'rsa', ...args)
}

async function authority(directory: string, name: string, commonName: string): Promise<void> {
  await ecKey(directory, name)
  await openssl(
    directory,
    ...['req', '-x509', '-new', '-sha256', '-days', '30', '-subj', `/CN=${commonName}`],
    ...['-key', `${name}.key`, '-out', `${name}.crt`],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'],
  )
}

/** @param names what the certificate of a server is for; without them it is a client's. */
async function certificate(
  directory: string,
  name: string,
  subject: string,
  names: readonly string[] = [],
): Promise<void> {
  await ecKey(directory, name)
  const request = `${name}.csr`
  await openssl(directory, 'req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', request)
  const extensions = [
    'keyUsage=critical,digitalSignature,keyEncipherment',
    `extendedKeyUsage=${names.length > 0 ? 'serverAuth' : 'clientAuth'}`,
    ...(names.length > 0 ? [`subjectAltName=${names.join(',')}`] : []),
  ]
  writeFileSync(join(directory, `${name}.ext`), extensions.join('\n'))
  await openssl(
    directory,
    ...['x509', '-req', '-in', request, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-days', '30', '-sha256', '-out', `${name}.crt`, '-extfile', `${name}.ext`],
  )
}

async function ecKey(directory: string, name: string): Promise<void> {
  const args = ['-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`]
  await openssl(directory, 'ecparam', ...args)
}

function writeKubeconfig(directory: string, name: string, server: string): void {
  const at = (file: string) => join(directory, file)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster: { server, 'certificate-authority': at('ca.crt') } }],
    users: [
      {
        name,
        user: { 'client-certificate': at(`${name}.crt`), 'client-key': at(`${name}.key`) },
      },
    ],
    contexts: [{ name: 'context', context: { cluster: 'cluster', user: name } }],
    'current-context': 'context',
  }
  writeFileSync(at(`${name}.conf`), JSON.stringify(config))
}

async function openssl(directory: string, ...args: readonly string[]): Promise<void> {
  const { code, output } = await run('sh', ['-c', 'cd "$0" && openssl "$@"', directory, ...args])
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${output}`)
}
