/** A containerd of the check's own, with its CRI plugin. */
import type { ChildProcess } from 'node:child_process'
import { existsSync, globSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endChild, Scope } from '../support/children.ts'
import { needPackage } from '../support/packages.ts'
import { makeImages, PAUSE_IMAGE } from './image.ts'
import { Runtime } from './runtime.ts'

export class Containerd extends Runtime {
  /** Where images are, when it has ended. */
  readonly root: string
  readonly #scope: Scope
  readonly #configuration: string
  #child: ChildProcess | undefined

  private constructor(scope: Scope, directory: string) {
    super(join(directory, 'containerd.sock'))
    this.root = join(directory, 'root')
    this.#scope = scope
    this.#configuration = join(directory, 'config.toml')
  }

  /** @throws MissingPeer */
  static async start(scope: Scope): Promise<Containerd> {
    await needPackage('containerd', 'containerd', 'ctr')
    await needPackage('runc', 'runc')
    await needPackage('busybox-static', 'busybox')
    const directory = scope.directory()
    const containerd = new Containerd(scope, directory)
    const { root, socket } = containerd
    const options = { root, state: join(directory, 'state'), socket, isSystemd: false }
    writeFileSync(containerd.#configuration, configuration(options))
    const hadCgroups = new Set(podCgroups())
    scope.onEnd(() => removeCgroups(hadCgroups))
    scope.onEnd(() => containerd.#removeAll())
    await containerd.run()
    const images = join(directory, 'images')
    mkdirSync(images)
    await containerd.importImages(await makeImages(images))
    return containerd
  }

  /** Starts the daemon, if it isn't there. */
  async run(): Promise<void> {
    await this.#runIn(this.#scope)
  }

  /** Ends the daemon; its containers run on. */
  async stop(): Promise<void> {
    if (this.#child !== undefined) await endChild(this.#child)
  }

  async #runIn(scope: Scope): Promise<void> {
    const isRunning = this.#child?.exitCode === null && this.#child.signalCode === null
    if (!isRunning) this.#child = scope.spawn('containerd', ['-c', this.#configuration])
    await this.untilReady()
  }

  /** The daemon has ended by then with the check's other programs. */
  async #removeAll(): Promise<void> {
    await using scope = new Scope()
    if (this.hasPods) await this.#runIn(scope)
    await this.close()
  }
}

export interface ContainerdOptions {
  /** Directories of what stays and of what ends with the machine. */
  readonly root: string
  readonly state: string
  readonly socket: string
  /** Whether systemd makes the cgroups. */
  readonly isSystemd: boolean
}

/** The text of a configuration for pods in the node's network, from images that are there. */
export function configuration({ root, state, socket, isSystemd }: ContainerdOptions): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  const unused = ['btrfs', 'zfs', 'devmapper', 'aufs'].map(
    (name) => `"io.containerd.snapshotter.v1.${name}"`,
  )
  return `version = 2
root = "${root}"
state = "${state}"
disabled_plugins = [${unused.join(', ')}]
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${root}/opt"
[${cri}]
  sandbox_image = "${PAUSE_IMAGE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [${cri}.cni]
    bin_dir = "${root}/cni/bin"
    conf_dir = "${root}/cni/net.d"
  [${cri}.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [${cri}.containerd.runtimes.runc.options]
      SystemdCgroup = ${isSystemd}
`
}

/** Runtimes leave the directories above a pod behind. */
function podCgroups(): string[] {
  const patterns = ['/sys/fs/cgroup/kubepods*/**/', '/sys/fs/cgroup/*/kubepods*/**/']
  return globSync(patterns).map((path) => path.replace(/\/$/, ''))
}

function removeCgroups(keep: ReadonlySet<string>): void {
  const mine = podCgroups().filter((path) => !keep.has(path))
  for (const path of mine.sort((a, b) => b.length - a.length)) {
    try {
      if (existsSync(path)) rmdirSync(path)
    } catch {
      // Not empty: then it is not only ours.
    }
  }
}
