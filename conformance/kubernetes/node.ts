/**
 * A Kubernetes node on this machine: control plane, container runtime and kubelet in namespaces of their own, so that
 * nothing of it is seen outside and the end of one process ends all.
 */
import type { ChildProcess } from 'node:child_process'
import {
  createWriteStream,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { configuration } from '../containerd/containerd.ts'
import { run, type Scope } from '../support/children.ts'
import { MissingPeer, needPackage } from '../support/packages.ts'
import { makeCertificates } from './certificates.ts'
import type { Programs } from './programs.ts'

export const NODE = 'node-1'
export const NODE_IP = '10.99.0.1'
const SERVICE_IP = '10.96.0.1'
const POD_NETWORK = '10.244.0.0/24'
const SERVICES = '10.96.0.0/12'
const CGROUPS = '/sys/fs/cgroup'
const INIT = fileURLToPath(new URL('node-init.sh', import.meta.url))
/** Debian package: a program of it. */
const PACKAGES = {
  containerd: 'containerd',
  runc: 'runc',
  'busybox-static': 'busybox',
  'containernetworking-plugins': '/usr/lib/cni/bridge',
  iptables: 'iptables',
  iproute2: 'ip',
  'util-linux': 'nsenter',
  openssl: 'openssl',
  curl: 'curl',
} as const
const START_SECONDS = 120

export type Part =
  | 'etcd'
  | 'apiserver'
  | 'controller-manager'
  | 'scheduler'
  | 'containerd'
  | 'kubelet'

const PARTS: readonly Part[] = [
  'etcd',
  'apiserver',
  'controller-manager',
  'scheduler',
  'containerd',
  'kubelet',
]

interface SigningRequest {
  readonly metadata: { readonly name: string }
  readonly status: { readonly conditions?: readonly object[] }
}

export interface NodeOptions {
  readonly cluster: Programs
  /** A containerd in the place of the machine's own. */
  readonly containerd?: Programs
  /** Archives of images that every pod may use. */
  readonly images: readonly string[]
}

export class KubernetesNode {
  /** What the node keeps on its disk. */
  readonly state: string
  readonly #scope: Scope
  readonly #options: NodeOptions
  readonly #cgroup: string
  readonly #parts = new Map<Part, ChildProcess>()
  /** Of the node's first process, as the machine sees it. */
  #pid = 0

  private constructor(scope: Scope, options: NodeOptions) {
    this.#scope = scope
    this.#options = options
    this.state = scope.directory()
    this.#cgroup = `kubernetes-node-${process.pid}-${nodes++}`
  }

  /**
   * Starts a node that is Ready, with the images in it.
   *
   * @throws MissingPeer where the machine can't be one.
   */
  static async start(scope: Scope, options: NodeOptions): Promise<KubernetesNode> {
    if (process.getuid?.() !== 0) throw new MissingPeer('a Kubernetes node takes root')
    if (!existsSync(join(CGROUPS, 'unified'))) {
      throw new MissingPeer(`${CGROUPS} is not the hybrid hierarchy that this check's node divides`)
    }
    for (const [name, program] of Object.entries(PACKAGES)) await needPackage(name, program)
    const node = new KubernetesNode(scope, options)
    await node.#startInit()
    mkdirSync(node.#file('pki'), { recursive: true })
    await makeCertificates(node.#file('pki'), {
      node: NODE,
      nodeIp: NODE_IP,
      serviceIp: SERVICE_IP,
    })
    node.#writeSettings()
    for (const part of PARTS) {
      await node.startPart(part)
      if (part !== 'containerd') continue
      for (const archive of options.images) await node.importImages(archive)
    }
    await node.approveKubelet()
    await node.kubectl('wait', `node/${NODE}`, '--for=condition=Ready', '--timeout=60s')
    return node
  }

  /** Name and version of the container runtime, such as `containerd 1.6.20`. */
  async runtime(): Promise<string> {
    const { output } = await this.run('containerd', ['--version'])
    return `containerd ${/\bv?(\d+\.\d+\.\d+)/.exec(output)?.[1]}`
  }

  /** Runs a program on the node; its output on both streams together. */
  run(command: string, args: readonly string[], input?: string) {
    return run('sh', ['-c', this.#enter(), command, ...args], input, this.#environment)
  }

  /** @throws Error with what kubectl said when it fails. */
  async kubectl(...args: readonly string[]): Promise<string> {
    return this.kubectlWith(undefined, ...args)
  }

  async kubectlWith(input: string | undefined, ...args: readonly string[]): Promise<string> {
    const { code, output } = await this.tryKubectl(input, ...args)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${output.trim()}`)
    return output
  }

  tryKubectl(input: string | undefined, ...args: readonly string[]) {
    return this.run(this.#program('cluster'), ['kubectl', ...args], input)
  }

  /** An object, or a list of them, as the API server has it. */
  async get<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl('get', ...args, '-o', 'json')) as T
  }

  /** The body of a page, asked for from the node's network. */
  async fetch(url: string): Promise<string> {
    const { code, output } = await this.run('curl', ['-sS', '--fail', '--max-time', '20', url])
    if (code !== 0) throw new Error(`${url}: ${output}`)
    return output
  }

  async importImages(archive: string): Promise<void> {
    const { code, output } = await this.run('ctr', ['-n', 'k8s.io', 'images', 'import', archive])
    if (code !== 0) throw new Error(`ctr: ${output}`)
  }

  /** Gives an image that is there another name. */
  async tagImage(image: string, name: string): Promise<void> {
    const args = ['-n', 'k8s.io', 'images', 'tag', '--force', image, name]
    const { code, output } = await this.run('ctr', args)
    if (code !== 0) throw new Error(`ctr: ${output}`)
  }

  /** Starts a part and waits until it serves. */
  async startPart(part: Part): Promise<void> {
    const [command, ...args] = this.#commands()[part]
    this.startProgram(part, command as string, args, (child) => this.#parts.set(part, child))
    const ready = READINESS[part]
    if (ready === undefined) return
    const deadline = Date.now() + START_SECONDS * 1000
    for (;;) {
      const { code, output } = await ready(this)
      if (code === 0) return
      if (Date.now() > deadline)
        throw new Error(`${part} is not ready: ${output} ${this.log(part)}`)
      await delay(200)
    }
  }

  /** Starts a program on the node that ends with it. */
  startProgram(
    name: string,
    command: string,
    args: readonly string[],
    take: (child: ChildProcess) => void = () => {},
  ): ChildProcess {
    const log = createWriteStream(this.#file(`${name}.log`), { flags: 'a' })
    const child = this.#scope.spawn('sh', ['-c', this.#enter(), command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#environment },
    })
    child.stdout?.pipe(log, { end: false })
    child.stderr?.pipe(log, { end: false })
    take(child)
    return child
  }

  /** Ends a part at once, as a crash would: no connection is closed in good order. */
  async killPart(part: Part): Promise<void> {
    const child = this.#parts.get(part)
    if (child?.pid === undefined) throw new Error(`${part} does not run`)
    const exit = new Promise((resolve) => child.once('close', resolve))
    // The child is nsenter, which stays the parent of the program in the other PID namespace.
    const { output } = await run('ps', ['-o', 'pid=', '--ppid', String(child.pid)])
    for (const pid of output.trim().split(/\s+/).filter(Boolean))
      process.kill(Number(pid), 'SIGKILL')
    child.kill('SIGKILL')
    await exit
    this.#parts.delete(part)
  }

  /** The end of what a part or program has printed. */
  log(name: string, lines = 5): string {
    const text = readFileSync(this.#file(`${name}.log`), 'utf8')
    return text.trim().split('\n').slice(-lines).join('\n')
  }

  /** The whole of it. */
  wholeLog(name: string): string {
    return readFileSync(this.#file(`${name}.log`), 'utf8')
  }

  /** Signs the serving certificate that the kubelet asks for, as an administrator or a controller does. */
  async approveKubelet(): Promise<void> {
    const deadline = Date.now() + START_SECONDS * 1000
    for (;;) {
      const { items } = await this.get<{ items: SigningRequest[] }>('certificatesigningrequests')
      const pending = items.filter(({ status }) => status.conditions === undefined)
      const names = pending.map(({ metadata }) => metadata.name)
      if (names.length > 0) {
        await this.kubectl('certificate', 'approve', ...names)
        return
      }
      if (Date.now() > deadline) throw new Error('the kubelet asks for no serving certificate')
      await delay(200)
    }
  }

  /** A file in the directory from which the kubelet runs static pods. */
  manifest(file: string): string {
    return this.#file(`kubernetes/manifests/${file}`)
  }

  /** A file of the node's certificates and keys. */
  pki(file: string): string {
    return this.#file(`pki/${file}`)
  }

  async #startInit(): Promise<void> {
    for (const hierarchy of hierarchies()) {
      mkdirSync(join(hierarchy, this.#cgroup), { recursive: true })
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        const own = join(hierarchy, this.#cgroup, file)
        if (existsSync(own)) writeFileSync(own, readFileSync(join(hierarchy, file)))
      }
    }
    this.#scope.onEnd(() => this.#removeCgroups())
    const namespaces = ['--pid', '--mount-proc', '--mount', '--net', '--cgroup', '--ipc', '--uts']
    const log = this.#file('init.log')
    const command = `${this.#joinCgroups()}; exec unshare --fork --kill-child=KILL ${namespaces.join(' ')} --propagation private sh "$0" > "$1" 2>&1`
    const child = this.#scope.spawn('sh', ['-c', command, INIT, log], {
      env: { ...process.env, STATE: this.state, NODE, NODE_IP, SERVICE_IP },
    })
    const deadline = Date.now() + START_SECONDS * 1000
    while (!existsSync(this.#file('ready'))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`the node's namespaces can't be made: ${this.log('init')}`)
      }
      await delay(50)
    }
    const { output } = await run('ps', ['-o', 'pid=', '--ppid', String(child.pid)])
    this.#pid = Number(output.trim())
    // With its first process all others of the PID namespace end, containers and shims too.
    this.#scope.onEnd(async () => {
      process.kill(this.#pid, 'SIGKILL')
      while (existsSync(`/proc/${this.#pid}`)) await delay(50)
    })
  }

  async #removeCgroups(): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt++) {
      const all = hierarchies().flatMap((hierarchy) =>
        globSync([join(hierarchy, this.#cgroup, '**/'), join(hierarchy, this.#cgroup)]),
      )
      for (const path of [...new Set(all)].sort((a, b) => b.length - a.length)) {
        try {
          rmdirSync(path)
        } catch {
          // Its last process is still ending, or it has gone.
        }
      }
      if (all.every((path) => !existsSync(path))) return
      await delay(250)
    }
  }

  get #environment(): NodeJS.ProcessEnv {
    const { containerd } = this.#options
    const path = process.env.PATH ?? ''
    return {
      KUBECONFIG: this.pki('admin.conf'),
      PATH: containerd === undefined ? path : `${containerd.directory}:${path}`,
    }
  }

  /** A shell command: this shell moves into the node's cgroups. */
  #joinCgroups(): string {
    const files = hierarchies().map((hierarchy) => join(hierarchy, this.#cgroup, 'cgroup.procs'))
    return `for f in ${files.join(' ')}; do echo $$ > $f; done`
  }

  /** A shell command: the words after it run on the node. */
  #enter(): string {
    const enter = `nsenter -t ${this.#pid} -m -p -n -i -u -C`
    return `${this.#joinCgroups()}; exec ${enter} -- "$0" "$@"`
  }

  #program(name: string): string {
    return join(this.#options.cluster.directory, name)
  }

  #file(name: string): string {
    return join(this.state, name)
  }

  #writeSettings(): void {
    const { state } = this
    const options = {
      root: '/var/lib/containerd',
      state: '/run/containerd',
      socket: '/run/containerd/containerd.sock',
      isSystemd: false,
    }
    const settings = configuration(options)
      .replace(/bin_dir = .*/, 'bin_dir = "/opt/cni/bin"')
      .replace(/conf_dir = .*/, 'conf_dir = "/etc/cni/net.d"')
    writeFileSync(join(state, 'containerd.toml'), settings)
    const bridge = {
      cniVersion: '1.0.0',
      name: 'pods',
      plugins: [
        {
          type: 'bridge',
          bridge: 'cni0',
          isGateway: true,
          hairpinMode: true,
          ipam: {
            type: 'host-local',
            ranges: [[{ subnet: POD_NETWORK }]],
            routes: [{ dst: '0.0.0.0/0' }],
          },
        },
        { type: 'portmap', capabilities: { portMappings: true } },
      ],
    }
    writeFileSync(join(state, 'cni-config/10-bridge.conflist'), JSON.stringify(bridge))
    const kubelet = {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      failCgroupV1: false,
      cgroupDriver: 'cgroupfs',
      containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: this.pki('ca.crt') },
      },
      authorization: { mode: 'Webhook' },
      staticPodPath: '/etc/kubernetes/manifests',
      clusterDNS: ['10.96.0.10'],
      clusterDomain: 'cluster.local',
      resolvConf: '/etc/resolv.conf',
      failSwapOn: false,
      // A machine without CAP_SYS_RESOURCE can't lower it.
      oomScoreAdj: 0,
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%' },
      imageGCHighThresholdPercent: 100,
      maxPods: 200,
      // A ConfigMap reaches its pods within this time.
      syncFrequency: '10s',
      // Its serving certificate is signed by the cluster's authority, as the component names-from-kubelet needs it.
      serverTLSBootstrap: true,
    }
    writeFileSync(join(state, 'kubelet.yaml'), stringify(kubelet))
  }

  #commands(): Readonly<Record<Part, readonly string[]>> {
    const cluster = this.#program('cluster')
    const pki = (file: string) => this.pki(file)
    return {
      etcd: [
        ...[cluster, 'etcd', `--data-dir=${this.#file('etcd')}`, '--unsafe-no-fsync'],
        ...['--listen-client-urls=http://127.0.0.1:2379'],
        ...['--advertise-client-urls=http://127.0.0.1:2379'],
        ...['--listen-peer-urls=http://127.0.0.1:2380', '--log-level=warn'],
      ],
      apiserver: [
        ...[cluster, 'apiserver', `--advertise-address=${NODE_IP}`, '--secure-port=6443'],
        ...['--etcd-servers=http://127.0.0.1:2379', '--authorization-mode=Node,RBAC'],
        ...['--enable-admission-plugins=NodeRestriction', '--allow-privileged=true'],
        `--client-ca-file=${pki('ca.crt')}`,
        `--tls-cert-file=${pki('apiserver.crt')}`,
        `--tls-private-key-file=${pki('apiserver.key')}`,
        `--kubelet-client-certificate=${pki('apiserver-kubelet-client.crt')}`,
        `--kubelet-client-key=${pki('apiserver-kubelet-client.key')}`,
        '--kubelet-preferred-address-types=InternalIP',
        '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
        `--service-account-key-file=${pki('service-account.pub')}`,
        `--service-account-signing-key-file=${pki('service-account.key')}`,
        `--service-cluster-ip-range=${SERVICES}`,
      ],
      'controller-manager': [
        ...[cluster, 'controller-manager', `--kubeconfig=${pki('controller-manager.conf')}`],
        ...[
          '--bind-address=127.0.0.1',
          '--leader-elect=false',
          '--use-service-account-credentials',
        ],
        `--root-ca-file=${pki('ca.crt')}`,
        `--cluster-signing-cert-file=${pki('ca.crt')}`,
        `--cluster-signing-key-file=${pki('ca.key')}`,
        `--service-account-private-key-file=${pki('service-account.key')}`,
        ...['--allocate-node-cidrs=true', '--cluster-cidr=10.244.0.0/16'],
        `--service-cluster-ip-range=${SERVICES}`,
      ],
      scheduler: [
        ...[cluster, 'scheduler', `--kubeconfig=${pki('scheduler.conf')}`],
        ...['--bind-address=127.0.0.1', '--leader-elect=false'],
      ],
      containerd: ['containerd', '-c', this.#file('containerd.toml')],
      kubelet: [
        ...[cluster, 'kubelet', `--config=${this.#file('kubelet.yaml')}`],
        ...[`--kubeconfig=${pki('kubelet.conf')}`, `--hostname-override=${NODE}`],
        `--node-ip=${NODE_IP}`,
      ],
    }
  }
}

let nodes = 0

const READINESS: Partial<
  Readonly<Record<Part, (node: KubernetesNode) => Promise<{ code: number | null; output: string }>>>
> = {
  apiserver: (node) => node.tryKubectl(undefined, 'get', '--raw', '/readyz'),
  containerd: (node) => node.run('ctr', ['version']),
  kubelet: (node) => node.tryKubectl(undefined, 'get', `node/${NODE}`),
}

/** The cgroup v1 hierarchies, and the v2 one, of this machine. */
function hierarchies(): string[] {
  return globSync(join(CGROUPS, '*/')).map((path) => path.replace(/\/$/, ''))
}
