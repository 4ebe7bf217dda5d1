/** A containerd of the check's own, with its CRI plugin. */
import type { ChildProcess } from 'node:child_process'
import { existsSync, globSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endChild, type Scope } from '../support/children.ts'
import { needPackage } from '../support/packages.ts'
import { makeImages, PAUSE_IMAGE } from './image.ts'
import { Runtime } from './runtime.ts'

export class Containerd extends Runtime {
  readonly #scope: Scope
  readonly #configuration: string
  #child: ChildProcess | undefined

  private constructor(scope: Scope, socket: string, configuration: string) {
    super(socket)
    this.#scope = scope
    this.#configuration = configuration
  }

  /** @throws MissingPeer */
  static async start(scope: Scope): Promise<Containerd> {
    await needPackage('containerd', 'containerd', 'ctr')
    await needPackage('runc', 'runc')
    await needPackage('busybox-static', 'busybox')
    const directory = scope.directory()
    const socket = join(directory, 'containerd.sock')
    const file = join(directory, 'config.toml')
    writeFileSync(file, configuration(directory, socket))
    const hadCgroups = new Set(podCgroups())
    scope.onEnd(() => removeCgroups(hadCgroups))
    const containerd = new Containerd(scope, socket, file)
    scope.onEnd(() => containerd.#removeAll())
    await containerd.run()
    const images = join(directory, 'images')
    mkdirSync(images)
    await containerd.importImages(await makeImages(images))
    return containerd
  }

  /** Starts the daemon, if it isn't there. */
  async run(): Promise<void> {
    const isRunning = this.#child?.exitCode === null && this.#child.signalCode === null
    if (!isRunning) {
      this.#child = this.#scope.spawn('containerd', ['-c', this.#configuration])
    }
    await this.untilReady()
  }

  /** Ends the daemon; its containers run on. */
  async stop(): Promise<void> {
    if (this.#child !== undefined) await endChild(this.#child)
  }

  async #removeAll(): Promise<void> {
    if (this.hasPods) await this.run()
    await this.close()
    await this.stop()
  }
}

function configuration(directory: string, socket: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  const unused = ['btrfs', 'zfs', 'devmapper', 'aufs'].map(
    (name) => `"io.containerd.snapshotter.v1.${name}"`,
  )
  return `version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = [${unused.join(', ')}]
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory}/opt"
[${cri}]
  sandbox_image = "${PAUSE_IMAGE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [${cri}.cni]
    bin_dir = "${directory}/cni/bin"
    conf_dir = "${directory}/cni/net.d"
  [${cri}.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [${cri}.containerd.runtimes.runc.options]
      SystemdCgroup = false
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
